"""SQLMesh configurations without their connections.

The generator's compatibility module: it leans on names that SQLMesh keeps private
(`_connection_factory_with_kwargs`, `_cursor_init`), because SQLMesh has no public way to load a
project without building the connections of its gateways. Tried on sqlmesh 0.236.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from sqlmesh.core.config import Config, GatewayConfig
from sqlmesh.core.config.connection import ConnectionConfig, DuckDBConnectionConfig
from sqlmesh.core.engine_adapter.base import EngineAdapter

from .errors import ProjectError


class ConnectionAttemptedError(ProjectError):
    """Something asked for the warehouse or the state while a project was inspected."""

    def __init__(self, gateway: str) -> None:
        """Say which gateway, and what makes the question unnecessary."""
        name = f"gateway {gateway!r}" if gateway else "the project's gateway"
        super().__init__(
            f"loading the project wanted to connect to {name}, and the generator works offline",
            hint=f"Set `database` (or `catalog`) in the connection of {name}, so that its default "
            "catalog need not be asked for, and keep queries out of code that runs while loading.",
        )


def offline_configs(configs: Mapping[Path, Config]) -> dict[Path, Config]:
    """Return the configurations with every connection replaced by one that refuses to connect.

    What SQLMesh derives from a connection (engine adapter, dialect, catalog name and whether the
    engine has catalogs) stays; so do all fields, and with them SQLMesh's cache keys.

    Args:
        configs: SQLMesh configurations by project folder. They are not changed.

    Returns:
        Copies to give to `Context(config=...)`.
    """
    return {path: _offline_config(config) for path, config in configs.items()}


def _offline_config(config: Config) -> Config:
    gateways = {name: _offline_gateway(name, gateway) for name, gateway in config.gateways.items()}
    default = config.default_connection
    return config.model_copy(
        update={
            "gateways": gateways,
            "default_connection": _offline_connection("", default) if default else None,
        }
    )


def _offline_gateway(name: str, gateway: GatewayConfig) -> GatewayConfig:
    connections = ("connection", "state_connection", "test_connection")
    update = {
        field: _offline_connection(name, getattr(gateway, field))
        for field in connections
        if getattr(gateway, field)
    }
    return gateway.model_copy(update=update)


def _offline_connection(gateway: str, connection: ConnectionConfig) -> ConnectionConfig:
    replaced = copy.copy(connection)
    # pydantic has no other way to give an instance a subclass's properties and keep its fields.
    object.__setattr__(replaced, "__class__", _offline_class(type(connection), gateway))
    return replaced


@cache
def _offline_class(connection: type[ConnectionConfig], gateway: str) -> type[ConnectionConfig]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise ConnectionAttemptedError(gateway)

    def factory(self: ConnectionConfig) -> Callable[..., NoReturn]:
        return refuse

    def create_engine_adapter(self: ConnectionConfig, *args: Any, **kwargs: Any) -> EngineAdapter:
        # DuckDB's own method shares adapters in the process by file name. Ours must not get into
        # that registry: a run in the same process would be given the one that cannot connect.
        return ConnectionConfig.create_engine_adapter(self, *args, **kwargs)

    def get_catalog(self: ConnectionConfig) -> str | None:
        catalog = connection.get_catalog(self)
        # DuckDB calls the database in memory so; any other engine would have to be asked.
        return catalog or ("memory" if isinstance(self, DuckDBConnectionConfig) else None)

    members: dict[str, Any] = {
        "__module__": __name__,
        "_connection_factory_with_kwargs": property(factory),
        "_cursor_init": property(lambda self: None),
        "create_engine_adapter": create_engine_adapter,
        "get_catalog": get_catalog,
    }
    return type(f"Offline{connection.__name__}", (connection,), members)
