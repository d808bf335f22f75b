"""SQLMesh configurations without their connections.

It uses private names of SQLMesh (`_connection_factory_with_kwargs`, `_cursor_init`): SQLMesh has no
public way to load a project without the connections of its gateways. Tested with sqlmesh 0.236.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from pydantic import ValidationError, model_validator
from sqlmesh.core.config import Config, GatewayConfig
from sqlmesh.core.config.connection import (
    CONNECTION_CONFIG_TO_TYPE,
    BaseDuckDBConnectionConfig,
    ConnectionConfig,
    DuckDBConnectionConfig,
)
from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.errors import ProjectError

from .records import ANY_GATEWAY

_CONNECTIONS = ("connection", "state_connection", "test_connection")
_DEFAULT_CONNECTIONS = ("default_connection", "default_test_connection")
# The value of `{{ env_var('X') }}` in SQLMesh's YAML if X is not set.
_UNSET = "None"
UNKNOWN_CATALOG = "catalog_unknown_offline"


class ConnectionAttemptedError(ProjectError):
    """Loading a project needed a connection to the warehouse or the state."""

    def __init__(self, gateway: str) -> None:
        """Create the error; its hint tells how to load the project without this gateway."""
        name = f"gateway {gateway!r}" if gateway else "the project's gateway"
        option = f"{gateway}=NAME" if gateway else "NAME"
        super().__init__(
            f"loading the project wanted to connect to {name}, and the generator works offline",
            hint=f"If it is for the name of the default catalog: pass --default-catalog {option}, "
            "or set it in the gateway's connection. If a query runs while loading, take it out.",
        )


class OfflineConfig(Config):
    """A SQLMesh configuration that can be read without drivers and credentials.

    SQLMesh validates connections when it reads a configuration: it imports their drivers, and the
    values of missing environment variables are errors. This class builds the connections first.
    """

    @model_validator(mode="before")
    @classmethod
    def _build_connections(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = _with_built(data, _DEFAULT_CONNECTIONS)
        key = "gateways" if "gateways" in data else "gateway"
        gateways = data.get(key)
        if isinstance(gateways, dict):
            if set(_CONNECTIONS) & set(gateways):  # one gateway without a name
                data[key] = _with_built(gateways, _CONNECTIONS)
            else:
                data[key] = {
                    name: _with_built(gateway, _CONNECTIONS) for name, gateway in gateways.items()
                }
        return data


@dataclass(frozen=True, slots=True)
class Catalogs:
    """Default catalogs for connections that name none.

    Args:
        given: catalog by gateway; under `ANY_GATEWAY`, for those whose connection names none.
        selected: the gateway that is used. SQLMesh asks every gateway for its catalog; those that
            are not used get `UNKNOWN_CATALOG`, which no model may end up in.
    """

    given: Mapping[str, str]
    selected: str

    def of(self, gateway: str, named: str | None) -> str | None:
        """Return the catalog of a gateway that names `named`; None if only the engine knows it."""
        if gateway in self.given:
            return self.given[gateway]
        if named and named.lower() != _UNSET.lower():
            return named
        fallback = self.given.get(ANY_GATEWAY)
        return fallback or (None if gateway == self.selected else UNKNOWN_CATALOG)


def offline_config(config: Config, catalogs: Catalogs) -> Config:
    """Return a copy of a configuration whose connections raise an error when they connect.

    The copy keeps what SQLMesh derives from a connection (engine adapter, dialect, catalog name),
    and all fields, so that SQLMesh's cache keys stay the same.
    """
    gateways = {
        name: _offline_gateway(name, gateway, catalogs) for name, gateway in config.gateways.items()
    }
    default = config.default_connection
    offline_default = _offline("", default, catalogs) if default else None
    return config.model_copy(update={"gateways": gateways, "default_connection": offline_default})


def _with_built(data: Any, fields: tuple[str, ...]) -> Any:
    if not isinstance(data, dict):
        return data
    built = {
        field: _build(data[field])
        for field in fields
        if isinstance(data.get(field), dict) and data[field].get("type")
    }
    return {**data, **built}


def _build(data: dict[str, Any]) -> Any:
    """Build a connection without its driver, and without validation if fields are missing.

    For an unknown type it returns the data, so that SQLMesh reports it.
    """
    connection = CONNECTION_CONFIG_TO_TYPE.get(str(data["type"]))
    if connection is None:
        return data
    # SQLMesh depends on DuckDB, so only DuckDB's connection has no check of its driver.
    has_driver_check = not issubclass(connection, BaseDuckDBConnectionConfig)
    options = {"check_import": False} if has_driver_check else {}
    try:
        return connection(**{**data, **options})
    except ValidationError as error:
        wrong = {location["loc"][0] for location in error.errors() if location["loc"]}
        return connection.model_construct(**{k: v for k, v in data.items() if k not in wrong})
    except (ConfigError, ImportError):
        return connection.model_construct(**data)


def _offline_gateway(name: str, gateway: GatewayConfig, catalogs: Catalogs) -> GatewayConfig:
    update = {
        field: _offline(name, getattr(gateway, field), catalogs)
        for field in _CONNECTIONS
        if getattr(gateway, field)
    }
    return gateway.model_copy(update=update)


def _offline(gateway: str, connection: ConnectionConfig, catalogs: Catalogs) -> ConnectionConfig:
    named = connection.get_catalog()
    if not named and isinstance(connection, DuckDBConnectionConfig):
        named = "memory"  # DuckDB's name of its database in memory
    replaced = copy.copy(connection)
    # In pydantic, only this gives an instance the methods of a subclass and keeps its fields.
    object.__setattr__(
        replaced,
        "__class__",
        _offline_class(type(connection), gateway, catalogs.of(gateway, named)),
    )
    return replaced


@cache
def _offline_class(
    connection: type[ConnectionConfig], gateway: str, catalog: str | None
) -> type[ConnectionConfig]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise ConnectionAttemptedError(gateway)

    def factory(self: ConnectionConfig) -> Callable[..., NoReturn]:
        return refuse

    def create_engine_adapter(self: ConnectionConfig, *args: Any, **kwargs: Any) -> EngineAdapter:
        # DuckDB's own method shares adapters by file name. A run in the same process must not get
        # this adapter, which cannot connect.
        return ConnectionConfig.create_engine_adapter(self, *args, **kwargs)

    def get_catalog(self: ConnectionConfig) -> str | None:
        return catalog

    members: dict[str, Any] = {
        "__module__": __name__,
        "_connection_factory_with_kwargs": property(factory),
        "_cursor_init": property(lambda self: None),
        "create_engine_adapter": create_engine_adapter,
        "get_catalog": get_catalog,
    }
    return type(f"Offline{connection.__name__}", (connection,), members)
