"""Read the SQLMesh configurations of projects, even if environment variables are missing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from sqlmesh.core.config import Config, load_configs
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.yaml_errors import causes

from .offline import OfflineConfig

# The message of dbt's env_var. SQLMesh's own env_var in YAML returns `None` instead.
_MISSING = re.compile(r"Missing environment variable '([^']+)'")
_CONNECTION_FIELDS = {
    "connection",
    "state_connection",
    "test_connection",
    "default_connection",
    "default_test_connection_",
}


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
            with environment(placeholders):
                configs = load_configs(name, OfflineConfig, list(paths))
        except ConfigError as error:
            variable = _missing_variable(error)
            if variable is None or variable in placeholders:
                raise
            placeholders[variable] = f"unset-{variable}"
        else:
            _refuse_placeholders(configs, placeholders)
            return dict(configs)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and restore all of them afterwards, also those of `.env` files."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
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
    for path, config in configs.items():
        for field, value in _settings(config):
            for name, placeholder in placeholders.items():
                if placeholder in value:
                    raise ProjectError(
                        f"{path.name}: `{field}` of the configuration needs the environment "
                        f"variable {name}, which is not set",
                        hint=f"Set {name} for the generator too.",
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
