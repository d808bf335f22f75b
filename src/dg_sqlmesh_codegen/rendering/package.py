"""Assets -> files: which template makes which file, and what it is given."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from dg_sqlmesh_codegen.config.jobs import Job, taken_name
from dg_sqlmesh_codegen.config.model import Config, RetryPolicy
from dg_sqlmesh_codegen.config.names import PackageNames
from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.package_paths import AUDITS, DEFINITIONS, EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.python_names import Identifier, ModuleName
from dg_sqlmesh_codegen.schedules.crons import Schedule
from dg_sqlmesh_codegen.sqlmesh_project.records import Project
from dg_sqlmesh_codegen.translation.graph import Asset, External
from dg_sqlmesh_codegen.translation.naming import import_name
from dg_sqlmesh_codegen.version import CONTRACT, __version__

from . import templates
from .files import File
from .templates import Templates

# A module by its path in a folder, and what it is about, in words and as the template sees it.
_Module = tuple[Identifier, ...]
_Subject = tuple[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Imported:
    """A module as the `__init__.py` above it imports it."""

    module: ModuleName
    name: Identifier


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """A schedule as the template sees it: one cron is written as text, several as a list.

    `job` is None for the job of all models; `own_cron` is whether the cron is not the models'.
    """

    name: str
    function: Identifier
    timezone: str
    crons: str | tuple[str, ...]
    job: Identifier | None = None
    own_cron: bool = False


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job with its schedules; `models` counts what it holds."""

    config: Job
    schedules: tuple[Schedule, ...]
    models: int = 0

    @property
    def variable(self) -> Identifier:
        """What `definitions.py` calls it."""
        return Identifier(self.config.name)

    @property
    def description(self) -> str:
        """What Dagster shows of it."""
        default = "Evaluates those of its models that are due in one run of SQLMesh."
        return self.config.description or default


@dataclass(frozen=True, slots=True)
class Package:
    """What the templates are given."""

    config: Config
    project: Project
    assets: tuple[Asset, ...]
    schedules: tuple[Schedule, ...]
    externals: tuple[External, ...] = ()
    jobs: tuple[ScheduledJob, ...] = ()


def render(package: Package) -> tuple[File, ...]:
    """Render every file of the package.

    Raises:
        UsageError: a template of the user's that does not render, or not to Python.
        SettingError: `code_url` is set, and package and project are not in one repository; or a job
            has the name of another one's schedule of a time zone.
    """
    return tuple(_files(package, templates.load(package.config.templates)))


def named_schedule(schedule: Schedule, base: str) -> NamedSchedule:
    """Name a schedule: the UTC one plainly, those of other time zones with the zone."""
    zone = "" if schedule.timezone == "UTC" else f"_{schedule.timezone.lower()}"
    name = Identifier(f"{base}{zone.replace('+', '_plus_')}")
    crons = schedule.crons[0] if len(schedule.crons) == 1 else schedule.crons
    return NamedSchedule(str(name), name, schedule.timezone, crons)


def _files(package: Package, made: Templates) -> Iterator[File]:
    root = made.render(templates.ROOT, "__init__.py", contract=CONTRACT)
    yield File(PurePosixPath("__init__.py"), root)
    models = {each.module: (str(each.model), {"asset": each}) for each in package.assets}
    yield from _folder(MODELS_FOLDER, (templates.MODEL, templates.MODELS), models, made)
    audits = {each.constant: each.use.audit for asset in package.assets for each in asset.checks}
    if audits:
        text = made.render(templates.AUDITS, str(AUDITS), audits=sorted(audits.items()))
        yield File(AUDITS, text)
    if package.config.external_specs:
        externals = {
            each.module: (str(each.table), {"external": each, "name": str(each.table.table)})
            for each in package.externals
        }
        names = (templates.EXTERNAL, templates.EXTERNALS)
        yield from _folder(EXTERNALS_FOLDER, names, externals, made)
    yield _definitions(package, made)


def _folder(
    folder: str, names: tuple[str, str], modules: Mapping[_Module, _Subject], made: Templates
) -> Iterator[File]:
    """Render the modules of a folder, its list of them, and an `__init__.py` for each subfolder."""
    paths = {module: PurePosixPath(folder, *module) for module in sorted(modules)}
    for module, path in paths.items():
        subject, values = modules[module]
        yield File(path.with_suffix(".py"), made.render(names[0], subject, **values))
    for parent in sorted({parent for path in paths.values() for parent in path.parents[:-2]}):
        init = parent / "__init__.py"
        yield File(init, made.render(templates.PACKAGE, str(init)))
    index = PurePosixPath(folder, "__init__.py")
    imported = [Imported(ModuleName(module), import_name(module)) for module in paths]
    yield File(index, made.render(names[1], str(index), **{folder: imported}))


def _definitions(package: Package, made: Templates) -> File:
    config = package.config
    retry = config.retry_policy or RetryPolicy()
    text = made.render(
        templates.DEFINITIONS,
        str(DEFINITIONS),
        config=config,
        names=PackageNames.of(config.name),
        upstream_sensor=any(each.run_on_upstream for each in package.assets),
        schedules=[*_schedules(package)],
        jobs=package.jobs,
        projects=[
            Path(os.path.relpath(folder, config.out.resolve())).as_posix()
            for folder in package.project.paths
        ],
        code_url=_code_url(package),
        backoff=_enum("Backoff", retry.backoff),
        jitter=_enum("Jitter", retry.jitter),
        version=__version__,
        sqlmesh_version=package.project.sqlmesh_version,
    )
    return File(DEFINITIONS, text)


def _schedules(package: Package) -> Iterator[NamedSchedule]:
    for schedule in package.schedules:
        yield named_schedule(schedule, package.config.schedule_name)
    for job in package.jobs:
        for schedule in job.schedules:
            base = job.config.schedule_name
            named = named_schedule(schedule, base)
            if job.config.cron:  # its only schedule, so the time zone need not be in the name
                named = replace(named, name=base, function=Identifier(base), own_cron=True)
            if named.name in {each.config.name for each in package.jobs}:
                raise taken_name(named.name, named.name, f"the job {job.config.name}")
            yield replace(named, job=job.variable)


def _code_url(package: Package) -> str | None:
    """Return the address of the package's folder: `code_url`, and its path in the repository."""
    config, out = package.config, package.config.out.resolve()
    if config.code_url is None:
        return None
    root = next((each for each in (out, *out.parents) if (each / ".git").exists()), None)
    for folder in package.project.paths:
        if root is None or not folder.is_relative_to(root):
            raise SettingError(
                "code_url",
                f"no git repository contains {out} and {folder}",
                hint="Move both into one, or remove `code_url`.",
            )
    return f"{config.code_url.rstrip('/')}/{quote(out.relative_to(root or out).as_posix())}/"


def _enum(name: str, member: str | None) -> ModuleName:
    """Return the member of one of Dagster's enumerations as code."""
    return ModuleName(map(Identifier, ("dg", name, member or "")))
