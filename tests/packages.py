"""Generated packages as text, by the real renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from builders import external, fqn, project, translation
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering.package import Package, ScheduledJob, render
from dg_sqlmesh_codegen.schedules import crons
from dg_sqlmesh_codegen.schedules.crons import Schedule
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable, Model, StandaloneAudit
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator

OUT = Path("/no/where/defs")


def translated(
    *models: Model,
    config: Config | None = None,
    translator: SQLMeshTranslator | None = None,
    externals: tuple[ExternalTable, ...] = (),
    standalone_audits: tuple[StandaloneAudit, ...] = (),
    schedules: tuple[Schedule, ...] = (Schedule("UTC", ("0 0 * * *",)),),
) -> Package:
    """Return what the renderer is given for these models and all external tables they read."""
    config = config or Config(projects=(Path("/"),), out=OUT)
    read = {read for each in models for read in each.depends_on} - {each.fqn for each in models}
    tables = {each: external(each.replace('"', "")) for each in read}
    tables |= {each.fqn: each for each in externals}
    found = project(
        *models,
        external_tables=tuple(tables[each] for each in sorted(tables)),
        standalone_audits=standalone_audits,
        paths=config.projects,
    )
    names = translation(found, translator)
    outside = graph.externals(found, names) if config.external_specs else ()
    return Package(config, found, graph.build(found, names, config.out), schedules, outside)


def with_jobs(made: Package, models: Mapping[str, tuple[str, ...]]) -> Package:
    """Return a package whose configured jobs hold these models, by name, and have its schedules."""
    of = {name: set(map(fqn, names)) for name, names in models.items()}
    assets = (
        replace(each, jobs=tuple(name for name in of if each.model.fqn in of[name]))
        for each in made.assets
    )
    jobs = tuple(ScheduledJob(job, made.schedules) for job in made.config.jobs)
    return replace(made, assets=tuple(assets), schedules=(), jobs=jobs)


def rendered(made: Package) -> dict[str, str]:
    """Return the files of a package by path, of which no two are the same."""
    files = render(made)
    by_path = {str(file.path): file.text for file in files}
    assert len(by_path) == len(files)
    return by_path


def package(
    *models: Model,
    environment: str = "prod",
    translator: SQLMeshTranslator | None = None,
    externals: tuple[ExternalTable, ...] | None = None,
) -> dict[PurePosixPath, str]:
    """Return the files of the package that these models make, by path in its folder.

    External tables have assets where `externals` is given: those and all others that are read.
    """
    specs = externals is not None
    config = Config(projects=(Path("/"),), out=OUT, environment=environment, external_specs=specs)
    made = translated(*models, config=config, translator=translator, externals=externals or ())
    made = replace(made, schedules=crons.schedules(models))
    return {PurePosixPath(path): text for path, text in rendered(made).items()}


def on_disk(folder: Path) -> dict[PurePosixPath, str]:
    """Return the Python files below a folder."""
    return {
        PurePosixPath(path.relative_to(folder).as_posix()): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.py")
    }


def write(package: dict[PurePosixPath, str], folder: Path) -> Path:
    """Write a package into a folder and return it."""
    for path, text in package.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")
    return folder
