"""Load project folders into a SQLMesh context, offline."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlglot.errors import SqlglotError
from sqlmesh import Context
from sqlmesh.core import analytics
from sqlmesh.core.config import Config
from sqlmesh.core.config.common import ALL_CONFIG_FILENAMES
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, UsageError

from . import configurations
from .offline import UNKNOWN_CATALOG, Catalogs, ConnectionAttemptedError, offline_configs
from .records import Source


@dataclass(frozen=True, slots=True)
class LoadedProject:
    """A context with its models, the absolute project folders, and SQLMesh's warnings."""

    context: Context
    folders: tuple[Path, ...]
    warnings: tuple[str, ...]

    @property
    def names(self) -> str:
        """The folders' names, for messages."""
        return _names(self.folders)


@contextmanager
def loaded(source: Source, sqlmesh_cache: Path | None) -> Iterator[LoadedProject]:
    """Load projects without state, warehouse or analytics.

    Args:
        source: what to load.
        sqlmesh_cache: folder for SQLMesh's cache of parsed models; None is a new one. The project's
            own is not used: names that a stand-in connection gives must not get into it.

    Raises:
        UsageError: the gateway is not in the project's configuration.
        ProjectError: SQLMesh cannot load the project.
    """
    analytics.disable_analytics()
    folders = tuple(path.resolve() for path in source.paths)
    warnings: list[str] = []
    # dbt prints to standard output, where --summary and --diff write.
    with (
        redirect_stdout(sys.stderr),
        _collected_warnings(warnings),
        TemporaryDirectory() as new_cache,
    ):
        context = _load(folders, source, sqlmesh_cache or Path(new_cache))
        yield LoadedProject(context, folders, tuple(dict.fromkeys(warnings)))


def _load(folders: Sequence[Path], source: Source, sqlmesh_cache: Path) -> Context:
    with _as_project_error(source, _config_files(folders)):
        loaded_configs = configurations.load(folders, source.config_name)
    if source.gateway is not None:
        _require_gateway(loaded_configs, source.gateway)
    offline = {
        path: config.model_copy(update={"cache_dir": str(sqlmesh_cache)})
        for path, config in offline_configs(
            loaded_configs, _catalogs(loaded_configs, source)
        ).items()
    }
    with _as_project_error(source):
        # `load_state=False`: a config with `project:` makes SQLMesh read its state while loading.
        context = Context(
            paths=list(folders),
            config=offline,
            gateway=source.gateway,
            load=False,
            load_state=False,
        )
        context.load()
    _refuse_unknown_catalogs(context)
    return context


def _catalogs(loaded_configs: Mapping[Path, Config], source: Source) -> Catalogs:
    # SQLMesh takes the default gateway from the first project's configuration.
    first = next(iter(loaded_configs.values()))
    selected = (source.gateway or first.default_gateway_name).lower()
    return Catalogs(source.default_catalogs, selected)


def _refuse_unknown_catalogs(context: Context) -> None:
    for model in context.models.values():
        if model.catalog == UNKNOWN_CATALOG:
            raise ConnectionAttemptedError(model.gateway or "")


def _require_gateway(loaded_configs: Mapping[Path, Config], gateway: str) -> None:
    known = sorted({name for config in loaded_configs.values() for name in config.gateways if name})
    if gateway.lower() not in known:
        raise UsageError(
            f"unknown gateway {gateway!r} in {_names(tuple(loaded_configs))}",
            hint=f"The project has: {', '.join(known)}." if known else "The project names none.",
        )


def _config_files(folders: Sequence[Path]) -> str:
    """Return the configuration files in parentheses: SQLMesh's errors do not name them."""
    files = (folder / name for folder in folders for name in ALL_CONFIG_FILENAMES)
    found = [file for file in files if file.is_file()]
    return f" ({', '.join(map(str, found))})" if found else ""


@contextmanager
def _as_project_error(source: Source, files: str = "") -> Iterator[None]:
    """Turn an error of SQLMesh or of the project's own code into one line."""
    folders = [path.resolve() for path in source.paths]
    try:
        yield
    except CodegenError:
        raise
    except Exception as error:
        # Loading runs the project's Python (config.py, models, macros), which may raise anything.
        for cause in configurations.causes(error):
            if isinstance(cause, CodegenError):
                raise cause from error
        known = isinstance(error, SQLMeshError | SqlglotError)
        raise ProjectError(
            f"SQLMesh cannot load {_names(folders)}{files}",
            detail=str(error) if known else f"{type(error).__name__}: {error}",
            hint=_hint(folders, source.config_name),
        ) from error


def _hint(folders: Sequence[Path], config_name: str | None) -> str:
    arguments = " ".join(f"-p {folder}" for folder in folders)
    arguments += f" --config {config_name}" if config_name else ""
    return f"`sqlmesh {arguments} info --skip-connection` shows it in full."


def _names(folders: Sequence[Path]) -> str:
    return ", ".join(folder.name for folder in folders)


class _Collector(logging.Handler):
    """Collect warnings, each as one line."""

    def __init__(self, warnings: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._warnings = warnings

    def emit(self, record: logging.LogRecord) -> None:
        # SQLMesh also raises its errors.
        if record.levelno == logging.WARNING:
            self._warnings.append(" ".join(record.getMessage().split()))


@contextmanager
def _collected_warnings(warnings: list[str]) -> Iterator[None]:
    """Collect the warnings that SQLMesh logs, and keep its log off standard error."""
    logger = logging.getLogger("sqlmesh")
    collector, propagate = _Collector(warnings), logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
