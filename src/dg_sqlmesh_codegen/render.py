"""Assets -> files: Jinja templates, then black.

The templates know `for` and `if` and nothing else; what they print passes through
`literals.literal`, so no value can become anything but a literal. An undefined variable is an
error (`StrictUndefined`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import jinja2
from black import format_str
from black.mode import Mode as BlackMode
from black.mode import TargetVersion

from .config import DEFAULT_SCHEDULE_NAME, Config, RetryPolicy
from .crons import Schedule
from .files import EXTERNALS_FOLDER, MODELS_FOLDER, File, NamedSchedule
from .graph import Asset, External, import_name
from .literals import literal
from .naming import Identifier, ModuleName
from .project import Project
from .version import __version__

# Explicit, so that no pyproject.toml on the way changes what we write.
_BLACK = BlackMode(target_versions={TargetVersion.PY311})


@dataclass(frozen=True, slots=True)
class Imported:
    """A module as the `__init__.py` above it imports it."""

    module: ModuleName
    name: Identifier


@dataclass(frozen=True, slots=True)
class Package:
    """What the templates are given."""

    config: Config
    project: Project
    assets: tuple[Asset, ...]
    schedules: tuple[NamedSchedule, ...]
    externals: tuple[External, ...] = ()


def render(package: Package) -> tuple[File, ...]:
    """Render every file of the package.

    Raises:
        jinja2.UndefinedError, black.InvalidInput: a template that is wrong, which is a bug.
    """
    return tuple(_files(package, _environment()))


def template_dir() -> Path:
    """Return the templates' folder: in an installed package, or beside `src` in a checkout."""
    here = Path(__file__).parent
    installed = here / "codegen_templates"
    return installed if installed.is_dir() else here.parents[1] / "codegen_templates"


def named_schedules(
    schedules: Sequence[Schedule], base: str = DEFAULT_SCHEDULE_NAME
) -> tuple[NamedSchedule, ...]:
    """Name the schedules: the UTC one plainly, those of other time zones with the zone."""
    return tuple(_named(schedule, base) for schedule in schedules)


def _named(schedule: Schedule, base: str) -> NamedSchedule:
    zone = "" if schedule.timezone == "UTC" else f"_{schedule.timezone.lower()}"
    name = Identifier(f"{base}{zone.replace('+', '_plus_')}")
    crons = schedule.crons[0] if len(schedule.crons) == 1 else schedule.crons
    return NamedSchedule(str(name), name, schedule.timezone, crons)


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir()),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # noqa: S701 - Python, not HTML; `finalize` is what makes values safe
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> object:
    # Jinja raises when an Undefined is printed; `literal` would hide that behind a TypeError.
    return value if isinstance(value, jinja2.Undefined) else literal(value)


def _files(package: Package, jinja: jinja2.Environment) -> Iterator[File]:
    modules = [PurePosixPath(MODELS_FOLDER, *asset.module) for asset in package.assets]
    for asset, path in zip(package.assets, modules, strict=True):
        text = jinja.get_template("model.py.jinja").render(asset=asset)
        yield _file(path.with_suffix(".py"), text)
    if package.config.external_specs:
        yield from _externals(package.externals, jinja)
        modules += [PurePosixPath(EXTERNALS_FOLDER, *each.module) for each in package.externals]
    for folder in _folders(modules):
        yield _file(folder / "__init__.py", jinja.get_template("package.py.jinja").render())
    models = _imported(asset.module for asset in package.assets)
    text = jinja.get_template("models.py.jinja").render(models=models)
    yield _file(PurePosixPath(MODELS_FOLDER, "__init__.py"), text)
    yield _definitions(package, jinja)


def _externals(externals: Sequence[External], jinja: jinja2.Environment) -> Iterator[File]:
    for external in externals:
        path = PurePosixPath(EXTERNALS_FOLDER, *external.module).with_suffix(".py")
        text = jinja.get_template("external.py.jinja").render(
            external=external, name=str(external.table.table)
        )
        yield _file(path, text)
    imported = _imported(external.module for external in externals)
    text = jinja.get_template("externals.py.jinja").render(externals=imported)
    yield _file(PurePosixPath(EXTERNALS_FOLDER, "__init__.py"), text)


def _folders(modules: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Return the folders that need an empty `__init__.py`: all but the two with a list in it."""
    folders = {parent for path in modules for parent in path.parents if len(parent.parts) > 1}
    return sorted({PurePosixPath(), *folders})


def _imported(modules: Iterable[tuple[Identifier, ...]]) -> list[Imported]:
    return [Imported(ModuleName(module), import_name(module)) for module in modules]


def _definitions(package: Package, jinja: jinja2.Environment) -> File:
    config = package.config
    retry = config.retry_policy or RetryPolicy()
    text = jinja.get_template("definitions.py.jinja").render(
        config=config,
        schedules=package.schedules,
        projects=[
            Path(os.path.relpath(path, config.out.resolve())).as_posix()
            for path in package.project.paths
        ],
        backoff=_enum("Backoff", retry.backoff),
        jitter=_enum("Jitter", retry.jitter),
        version=__version__,
        sqlmesh_version=package.project.sqlmesh_version,
    )
    return _file(PurePosixPath("definitions.py"), text)


def _enum(name: str, member: str | None) -> ModuleName:
    """Return the member of one of Dagster's enumerations as code."""
    return ModuleName(map(Identifier, ("dg", name, member or "")))


def _file(path: PurePosixPath, text: str) -> File:
    return File(path, format_str(text, mode=_BLACK))
