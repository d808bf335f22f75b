"""Read the SQLMesh configurations of projects, even if environment variables are missing."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from dotenv import load_dotenv
from sqlmesh.core.config import Config, load_configs
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.yaml_errors import causes

from .offline import CONNECTIONS, OfflineConfig

# The message of dbt's env_var. SQLMesh's own env_var in YAML returns `None` instead.
_MISSING = re.compile(r"Missing environment variable '([^']+)'")
_CONNECTION_FIELDS = {*CONNECTIONS, "default_test_connection_"}


def load(paths: Sequence[Path], name: str | None = None) -> dict[Path, Config]:
    """Read the configurations of several projects.

    Missing environment variables get placeholders: the generator opens no connection, so it needs
    none of the variables that only connections use.

    Args:
        paths: absolute project folders.
        name: the configuration's name in a config.py; None is `config`.

    Returns:
        SQLMesh's configurations by folder.

    Raises:
        ConfigError: SQLMesh does not accept a configuration.
        ProjectError: a missing environment variable is used outside of connections.
    """
    placeholders: dict[str, str] = {}
    while True:
        try:
            with variables(placeholders):
                configs = load_configs(name, OfflineConfig, list(paths))
        except ConfigError as error:
            variable = _missing_variable(error)
            if variable is not None and variable not in placeholders:
                placeholders[variable] = placeholder(variable)
                continue
            if placeholders:
                raise _unset(placeholders, str(error)) from error
            raise
        _refuse_placeholders(configs, placeholders)
        return dict(configs)


@contextmanager
def variables(missing: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are missing, and remove them afterwards."""
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


def placeholder(variable: str) -> str:
    """Return a text that is also a number, such as a port; no other variable has a part of it."""
    return str(10**9 + zlib.crc32(variable.encode()))


@contextmanager
def environment(projects: Iterable[Path]) -> Iterator[None]:
    """Set what the projects' `.env` files say, as SQLMesh does, and restore all afterwards."""
    before = dict(os.environ)
    try:
        for path in projects:
            load_dotenv(path / ".env", override=True)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _missing_variable(error: BaseException) -> str | None:
    """Return the name of the variable that a config.py (`os.environ[...]`) or dbt did not find."""
    for each in causes(error):
        if isinstance(each, KeyError) and _raised_by_environ(each):
            return str(each.args[0])
        if found := _MISSING.search(str(each)):
            return found.group(1)
    return None


def _raised_by_environ(error: KeyError) -> bool:
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_globals.get("__name__") == os.__name__


def _refuse_placeholders(configs: Mapping[Path, Config], placeholders: Mapping[str, str]) -> None:
    used = [
        (variable, f"`{field}` of {path.name}")
        for path, config in configs.items()
        for field, value in _settings(config)
        for variable, made in placeholders.items()
        if made in value
    ]
    if used:
        needs = "; ".join(f"{where} needs {variable}" for variable, where in used)
        raise _unset(dict(used), needs)


def _unset(variables: Iterable[str], detail: str) -> ProjectError:
    names = ", ".join(variables)
    return ProjectError(
        f"the configuration needs environment variables that are not set, {names}",
        detail=detail,
        hint=f"Set {names} for the generator, too.",
    )


def _settings(config: Config) -> Iterator[tuple[str, str]]:
    """Yield every setting that a model can use, as text."""
    for name in type(config).model_fields:
        if name not in {*_CONNECTION_FIELDS, "gateways"}:
            yield name, repr(getattr(config, name))
    for gateway_name, gateway in config.gateways.items():
        for name in type(gateway).model_fields:
            if name not in _CONNECTION_FIELDS:
                yield f"gateways.{gateway_name}.{name}", repr(getattr(gateway, name))
        if gateway.connection:
            yield f"gateways.{gateway_name}.connection", str(gateway.connection.get_catalog())
