"""SQLMesh without connections: it has no public way to load a project without its gateways'."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import ValidationError, model_validator
from sqlmesh import Context
from sqlmesh.core.config import Config, ConnectionConfig, DuckDBConnectionConfig
from sqlmesh.utils.errors import ConfigError, MissingDefaultCatalogError

from dg_sqlmesh_codegen.errors import ProjectError

from . import compat
from .records import ANY_GATEWAY, Source

if TYPE_CHECKING:
    from sqlmesh.core.engine_adapter.base import EngineAdapter

# Of a gateway, and of a configuration.
CONNECTIONS = {
    *("connection", "state_connection", "test_connection"),
    *("default_connection", "default_test_connection"),
}
# The value of `{{ env_var('X') }}` in SQLMesh's YAML if X is not set.
_UNSET = "none"
# Of a gateway that is not used and names none. No model may end up in it.
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
        if isinstance(data, dict):
            for key in {"gateways", "gateway"} & set(data):
                if isinstance(data[key], dict):  # of gateways by name, or of one without a name
                    gateways = {name: _with_built(each) for name, each in data[key].items()}
                    data = {**data, key: _with_built(gateways)}
        return _with_built(data)


class OfflineContext(Context):
    """A SQLMesh context whose engine adapters raise an error when they connect.

    The adapters keep what the names of models come from: dialect, support of catalogs, and the
    catalog that the connection names.

    Args:
        source: what to load.
        configs: the projects' configurations.
    """

    def __init__(self, source: Source, configs: dict[Path, Config]) -> None:
        self._catalogs = source.default_catalogs
        super().__init__(config=configs, gateway=source.gateway, load=False)

    @property
    def state_sync(self) -> Any:
        """A state without environments: of a config with `project:`, SQLMesh reads it at load.

        `load_state=False`, which does the same, is new in 0.236.
        """
        return SimpleNamespace(get_environment=lambda name: None)

    @property
    def engine_adapter(self) -> EngineAdapter:
        """The adapter of the gateway that is used."""
        return self.engine_adapters[self.selected_gateway]

    @cached_property
    def engine_adapters(self) -> dict[str, EngineAdapter]:
        """The adapters by gateway; SQLMesh asks all of them for their default catalogs."""
        owners = {self.selected_gateway: self.config}
        for config in self.configs.values():
            owners = dict.fromkeys(config.gateways, config) | owners
        return {name: self._adapter(name, owners[name].get_connection(name)) for name in owners}

    def _adapter(self, gateway: str, connection: ConnectionConfig) -> EngineAdapter:
        def refuse(**options: object) -> NoReturn:
            raise ConnectionAttemptedError(gateway)

        make = compat.adapter_maker(connection, refuse)
        adapter = make()
        if not adapter.catalog_support.is_unsupported:
            adapter = make(default_catalog=self._catalog(gateway, connection))
        try:
            adapter.default_catalog  # noqa: B018 - some engines are not asked for it
        except (ConnectionAttemptedError, MissingDefaultCatalogError) as error:
            if gateway == self.selected_gateway:
                raise ConnectionAttemptedError(gateway) from error
            return make(default_catalog=UNKNOWN_CATALOG)
        return adapter

    def _catalog(self, gateway: str, connection: ConnectionConfig) -> str | None:
        """Return the default catalog; None if the connection names none and none is given."""
        named = connection.get_catalog()
        if not named and isinstance(connection, DuckDBConnectionConfig):
            named = "memory"  # DuckDB's name of its database in memory
        given = self._catalogs.get(gateway.lower())
        if given or not named or named.lower() == _UNSET:
            return given or self._catalogs.get(ANY_GATEWAY)
        return named


def _with_built(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    found = {key: data[key] for key in CONNECTIONS & set(data) if isinstance(data[key], dict)}
    return {**data, **{key: _build(each) for key, each in found.items() if each.get("type")}}


def _build(data: dict[str, Any]) -> Any:
    """Build a connection without its driver, and without validation if fields are missing.

    For an unknown type it returns the data, so that SQLMesh reports it.
    """
    connection = compat.CONNECTION_TYPES.get(str(data["type"]))
    if connection is None:
        return data
    options = {"check_import": False} if compat.checks_driver(connection) else {}
    try:
        return connection(**{**data, **options})
    except ValidationError as error:
        wrong = {location["loc"][0] for location in error.errors() if location["loc"]}
        return connection.model_construct(**{k: v for k, v in data.items() if k not in wrong})
    except (ConfigError, ImportError):
        return connection.model_construct(**data)
