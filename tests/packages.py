"""Generated packages as text, by the real renderer."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from builders import external, project, translation
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering import package as rendering
from dg_sqlmesh_codegen.schedules import crons
from dg_sqlmesh_codegen.sqlmesh_project.records import ExternalTable, Model
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator

OUT = Path("/no/where/defs")


def package(
    *models: Model,
    environment: str = "prod",
    translator: SQLMeshTranslator | None = None,
    externals: tuple[ExternalTable, ...] | None = None,
) -> dict[PurePosixPath, str]:
    """Return the files of the package that these models make, by path in its folder.

    External tables have assets where `externals` is given: those and all others that are read.
    """
    described = {each.fqn: each for each in externals or ()}
    known = {each.fqn for each in models}
    read = {fqn for each in models for fqn in each.depends_on}
    tables = {fqn: external(fqn.replace('"', "")) for fqn in sorted(read - known)} | described
    found = project(*models, external_tables=tuple(tables[fqn] for fqn in sorted(tables)))
    names = translation(found, translator)
    assets = graph.build(found, names, OUT)
    specs = externals is not None
    config = Config(projects=(Path("/"),), out=OUT, environment=environment, external_specs=specs)
    schedules = crons.schedules(found.models)
    outside = graph.externals(found, names) if specs else ()
    files = rendering.render(rendering.Package(config, found, assets, schedules, outside))
    return {file.path: file.text for file in files}


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
