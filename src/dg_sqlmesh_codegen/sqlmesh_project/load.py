"""Load project folders into a SQLMesh context, offline."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from logging.handlers import BufferingHandler
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlglot.errors import SqlglotError
from sqlmesh import Context
from sqlmesh.core.config import Config
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, SettingError
from dg_sqlmesh_codegen.yaml_errors import causes, yaml_problem

from . import compat, configurations, hidden_models
from .missing import missing
from .offline import UNKNOWN_CATALOG, ConnectionAttemptedError, OfflineContext
from .records import ANY_GATEWAY, Source

_REMEDIES = {
    "File name too long": "Shorten the name of this model: SQLMesh names a file after it.",
    "Unknown scheduler type": "Remove the setting: SQLMesh has no other scheduler than its own.",
    "No module named '(agate|dbt)": 'Run `pip install "sqlmesh[dbt]"`.',
    # SQLMesh before 0.229 also accepts pandas 3, which it cannot use.
    "Unsupported pandas type 'str'": 'Run `pip install "pandas<3"`.',
}


@contextmanager
def loaded(source: Source, sqlmesh_cache: Path | None) -> Iterator[tuple[Context, tuple[str, ...]]]:
    """Load projects without state, warehouse or analytics; yield a context and SQLMesh's warnings.

    The paths of `source` must be absolute. Without `sqlmesh_cache`, SQLMesh's cache of parsed
    models goes to a temporary folder: the project's own must not get names that a stand-in
    connection gives. The errors are those of `describe.inspect`.
    """
    compat.disable_analytics()
    # dbt prints to standard output, where --summary and --diff write.
    with redirect_stdout(sys.stderr), _logged() as log, TemporaryDirectory() as new_cache:
        context, projects = _load(source, sqlmesh_cache or Path(new_cache))
        yield context, (*_warnings(log), *hidden_models.warnings(projects))


def _load(source: Source, sqlmesh_cache: Path) -> tuple[Context, hidden_models.Projects]:
    with _as_project_error(source, _config_files(source.paths)):
        loaded_configs = configurations.load(source.paths, source.config_name)
    if source.gateway is not None:
        _require_gateway(loaded_configs, "gateway", source.gateway)
    for gateway in sorted(source.default_catalogs.keys() - {ANY_GATEWAY}):
        _require_gateway(loaded_configs, "default_catalogs", gateway)
    update = {"cache_dir": str(sqlmesh_cache)}
    configs = {path: each.model_copy(update=update) for path, each in loaded_configs.items()}
    with _as_project_error(source):
        context = OfflineContext(source, configs)
        projects = compat.record_projects(context)
        context.load()
    for model in context.models.values():
        if model.catalog == UNKNOWN_CATALOG:
            raise ConnectionAttemptedError(model.gateway or "")
    return context, projects


def _require_gateway(loaded_configs: Mapping[Path, Config], key: str, gateway: str) -> None:
    known = sorted({name for config in loaded_configs.values() for name in config.gateways if name})
    # 0.206 keeps capital letters.
    if gateway.lower() not in map(str.lower, known):
        raise SettingError(
            key,
            f"unknown gateway {gateway!r} in {names(loaded_configs)}",
            hint=f"The project has: {', '.join(known)}." if known else "The project names none.",
        )


def _config_files(folders: Sequence[Path]) -> str:
    """Return the configuration files in parentheses: SQLMesh's errors do not name them."""
    files = (folder / name for folder in folders for name in compat.CONFIG_FILES)
    found = [file for file in files if file.is_file()]
    return f" ({', '.join(map(str, found))})" if found else ""


@contextmanager
def _as_project_error(source: Source, files: str = "") -> Iterator[None]:
    """Turn an error of SQLMesh or of the project's own code into one line."""
    try:
        yield
    except CodegenError:
        raise
    except Exception as error:
        # Loading runs the project's Python (config.py, models, macros), which may raise anything.
        for cause in causes(error):
            if isinstance(cause, CodegenError):
                raise cause from error
        known = isinstance(error, SQLMeshError | SqlglotError)
        text = str(error) if known else f"{type(error).__name__}: {error}"
        raise ProjectError(
            f"SQLMesh cannot load {names(source.paths)}{files}",
            detail=yaml_problem(error) or text,
            hint=f"{_hint(str(error), source)} {compat.remark()}",
        ) from error


def _hint(error: str, source: Source) -> str:
    """Return what mends an error of SQLMesh; else everything that is missing, and what shows it."""
    for text, remedy in _REMEDIES.items():
        if re.search(text, error):
            return remedy
    arguments = " ".join(f"-p {folder}" for folder in source.paths)
    arguments += f" --config {source.config_name}" if source.config_name else ""
    shown = f"`sqlmesh {arguments} info --skip-connection` shows it in full."
    found = [each for folder in source.paths for each in missing(folder)]
    return f"Missing: {', '.join(found)}. {shown}" if found else shown


def names(folders: Iterable[Path]) -> str:
    """Return the folders' names, for messages."""
    return ", ".join(folder.name for folder in folders)


@contextmanager
def _logged() -> Iterator[list[logging.LogRecord]]:
    """Yield the list of what SQLMesh logs, and keep its log off standard error."""
    logger = logging.getLogger("sqlmesh")
    handler, propagate = BufferingHandler(sys.maxsize), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.buffer
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _warnings(log: Iterable[logging.LogRecord]) -> tuple[str, ...]:
    """Return each warning in one line; SQLMesh also raises the errors that it logs."""
    found = (record.getMessage() for record in log if record.levelno == logging.WARNING)
    return tuple(dict.fromkeys(" ".join(text.split()) for text in found))
