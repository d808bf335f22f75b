"""Assets -> files: which template makes which file, and what it is given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.config.model import DEFAULT_SCHEDULE_NAME, Config, RetryPolicy
from dg_sqlmesh_codegen.package_paths import EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.python_names import Identifier, ModuleName
from dg_sqlmesh_codegen.schedules.crons import Schedule
from dg_sqlmesh_codegen.sqlmesh_project.records import Project
from dg_sqlmesh_codegen.translation.graph import Asset, External, import_name
from dg_sqlmesh_codegen.version import __version__

from . import templates
from .files import File
from .templates import Templates


@dataclass(frozen=True, slots=True)
class Imported:
    """A module as the `__init__.py` above it imports it."""

    module: ModuleName
    name: Identifier


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """A schedule as the template sees it: one cron is written as text, several as a list."""

    name: str
    function: Identifier
    timezone: str
    crons: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """What the templates are given."""

    config: Config
    project: Project
    assets: tuple[Asset, ...]
    schedules: tuple[Schedule, ...]
    externals: tuple[External, ...] = ()


def render(package: Package) -> tuple[File, ...]:
    """Render every file of the package.

    Raises:
        UsageError: a template of the user's that does not render, or not to Python.
    """
    return tuple(_files(package, templates.load(package.config.templates)))


def named_schedule(schedule: Schedule, base: str = DEFAULT_SCHEDULE_NAME) -> NamedSchedule:
    """Name a schedule: the UTC one plainly, those of other time zones with the zone."""
    zone = "" if schedule.timezone == "UTC" else f"_{schedule.timezone.lower()}"
    name = Identifier(f"{base}{zone.replace('+', '_plus_')}")
    crons = schedule.crons[0] if len(schedule.crons) == 1 else schedule.crons
    return NamedSchedule(str(name), name, schedule.timezone, crons)


def _files(package: Package, made: Templates) -> Iterator[File]:
    modules = [PurePosixPath(MODELS_FOLDER, *asset.module) for asset in package.assets]
    for asset, path in zip(package.assets, modules, strict=True):
        text = made.render(templates.MODEL, str(asset.model), asset=asset)
        yield File(path.with_suffix(".py"), text)
    if package.config.external_specs:
        yield from _externals(package.externals, made)
        modules += [PurePosixPath(EXTERNALS_FOLDER, *each.module) for each in package.externals]
    for path in _folders(modules):
        yield File(path, made.render(templates.PACKAGE, str(path)))
    yield _index(MODELS_FOLDER, templates.MODELS, (asset.module for asset in package.assets), made)
    yield _definitions(package, made)


def _externals(externals: Sequence[External], made: Templates) -> Iterator[File]:
    for external in externals:
        path = PurePosixPath(EXTERNALS_FOLDER, *external.module).with_suffix(".py")
        name = str(external.table.table)
        text = made.render(templates.EXTERNAL, str(external.table), external=external, name=name)
        yield File(path, text)
    yield _index(EXTERNALS_FOLDER, templates.EXTERNALS, (each.module for each in externals), made)


def _folders(modules: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return the `__init__.py`s that hold nothing: of all folders but the two with a list."""
    folders = {parent for path in modules for parent in path.parents if len(parent.parts) > 1}
    return [folder / "__init__.py" for folder in sorted({PurePosixPath(), *folders})]


def _index(
    folder: str, template: str, modules: Iterable[tuple[Identifier, ...]], made: Templates
) -> File:
    imported = [Imported(ModuleName(module), import_name(module)) for module in sorted(modules)]
    path = PurePosixPath(folder, "__init__.py")
    return File(path, made.render(template, str(path), **{folder: imported}))


def _definitions(package: Package, made: Templates) -> File:
    config = package.config
    retry = config.retry_policy or RetryPolicy()
    path = PurePosixPath("definitions.py")
    text = made.render(
        templates.DEFINITIONS,
        str(path),
        config=config,
        schedules=[named_schedule(each, config.schedule_name) for each in package.schedules],
        projects=[
            Path(os.path.relpath(folder, config.out.resolve())).as_posix()
            for folder in package.project.paths
        ],
        backoff=_enum("Backoff", retry.backoff),
        jitter=_enum("Jitter", retry.jitter),
        version=__version__,
        sqlmesh_version=package.project.sqlmesh_version,
    )
    return File(path, text)


def _enum(name: str, member: str | None) -> ModuleName:
    """Return the member of one of Dagster's enumerations as code."""
    return ModuleName(map(Identifier, ("dg", name, member or "")))
