"""Assets -> files: Jinja templates, in black's style.

The templates know `for` and `if` and nothing else; what they print passes through
`literals.literal`, so no value can become anything but a literal. An undefined variable is an
error (`StrictUndefined`).

What is written is what black would write. For a thousand models black itself takes longer than
SQLMesh takes to load them, so templates whose text is black's own, but for lines that are too wide,
are listed here and pass through `layout` instead. All others pass through black.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import jinja2

from . import banner
from .config import Config
from .crons import Schedule
from .graph import MODELS_FOLDER, Asset, import_name
from .layout import UnknownShapeError, fitted
from .literals import literal
from .naming import Identifier, ModuleName
from .project import Project
from .version import __version__

SCHEDULE_NAME = "sqlmesh_adaptive_schedule"
INDEX = PurePosixPath(MODELS_FOLDER, "__init__.py")

_MODEL = "model.py.jinja"
_INDEX = "models.py.jinja"
_PACKAGE = "package.py.jinja"
_DEFINITIONS = "definitions.py.jinja"
# Our own templates that are written in black's style; a user's template of that name is not.
_STYLED = frozenset({_MODEL, _INDEX, _PACKAGE})


@dataclass(frozen=True, slots=True)
class File:
    """A file of the package: its path relative to the output folder, and its text."""

    path: PurePosixPath
    text: str


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """A schedule as the template sees it: one cron is written as text, several as a list."""

    name: str
    function: Identifier
    timezone: str
    crons: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A model as `models/__init__.py` imports it."""

    module: ModuleName
    name: Identifier


@dataclass(frozen=True, slots=True)
class Package:
    """What the templates are given."""

    config: Config
    project: Project
    assets: tuple[Asset, ...]
    schedules: tuple[Schedule, ...]


def render(package: Package) -> tuple[File, ...]:
    """Render every file of the package.

    Raises:
        jinja2.UndefinedError, black.InvalidInput: a template that is wrong, which is a bug.
    """
    return tuple(_files(package, _templates()))


def render_index(modules: Iterable[tuple[Identifier, ...]]) -> str:
    """Render `models/__init__.py`: it follows from the modules of the models, in any order."""
    return _index(modules, _templates())


def template_dir() -> Path:
    """Return the templates' folder: in an installed package, or beside `src` in a checkout."""
    here = Path(__file__).parent
    installed = here / "codegen_templates"
    return installed if installed.is_dir() else here.parents[1] / "codegen_templates"


def named_schedules(schedules: Sequence[Schedule]) -> tuple[NamedSchedule, ...]:
    """Name the schedules: the UTC one plainly, those of other time zones with the zone."""
    return tuple(_named(schedule) for schedule in schedules)


def _named(schedule: Schedule) -> NamedSchedule:
    zone = "" if schedule.timezone == "UTC" else f"_{schedule.timezone.lower()}"
    name = Identifier(f"{SCHEDULE_NAME}{zone.replace('+', '_plus_')}")
    crons = schedule.crons[0] if len(schedule.crons) == 1 else schedule.crons
    return NamedSchedule(str(name), name, schedule.timezone, crons)


def _templates() -> _Templates:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template_dir()),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # noqa: S701 - Python, not HTML; `finalize` is what makes values safe
        keep_trailing_newline=True,
    )
    return _Templates(environment, _STYLED)


def _finalize(value: object) -> object:
    # Jinja raises when an Undefined is printed; `literal` would hide that behind a TypeError.
    return value if isinstance(value, jinja2.Undefined) else literal(value)


@dataclass(frozen=True, slots=True)
class _Templates:
    """The templates by name; those that are not `styled` have their text formatted by black."""

    jinja: jinja2.Environment
    styled: frozenset[str]

    def text(self, name: str, **values: object) -> str:
        text = banner.added(self.jinja.get_template(name).render(values))
        return _laid_out(text) if name in self.styled else _black(text)

    def file(self, path: PurePosixPath, name: str, **values: object) -> File:
        return File(path, banner.stamped(self.text(name, **values)))


def _laid_out(text: str) -> str:
    try:
        return fitted(text)
    except UnknownShapeError:
        return _black(text)


def _black(text: str) -> str:
    # Only where it is needed: its import takes a tenth of a second.
    from black import format_str  # noqa: PLC0415
    from black.mode import Mode, TargetVersion  # noqa: PLC0415

    # Explicit, so that no pyproject.toml on the way changes what we write.
    return format_str(text, mode=Mode(target_versions={TargetVersion.PY311}))


def _files(package: Package, templates: _Templates) -> Iterator[File]:
    folders: set[PurePosixPath] = {PurePosixPath()}
    for asset in package.assets:
        path = PurePosixPath(MODELS_FOLDER, *asset.module).with_suffix(".py")
        folders.update(parent for parent in path.parents if len(parent.parts) > 1)
        yield templates.file(path, _MODEL, asset=asset)
    for folder in sorted(folders):
        yield templates.file(folder / "__init__.py", _PACKAGE)
    index = _index([asset.module for asset in package.assets], templates)
    yield File(INDEX, index)  # without a digest, see `banner`
    yield _definitions(package, templates)


def _index(modules: Iterable[tuple[Identifier, ...]], templates: _Templates) -> str:
    models = [ImportedModel(ModuleName(each), import_name(each)) for each in sorted(modules)]
    return templates.text(_INDEX, models=models)


def _definitions(package: Package, templates: _Templates) -> File:
    config = package.config
    return templates.file(
        PurePosixPath("definitions.py"),
        _DEFINITIONS,
        schedules=named_schedules(package.schedules),
        projects=[
            Path(os.path.relpath(path, config.out.resolve())).as_posix()
            for path in package.project.paths
        ],
        gateway=config.gateway,
        config_name=config.config_name,
        environment=config.environment,
        version=__version__,
        sqlmesh_version=package.project.sqlmesh_version,
    )
