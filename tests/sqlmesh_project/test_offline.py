"""Every engine's connection, replaced: the names stay, and nobody is called."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlmesh.core.config import Config
from sqlmesh.core.config.connection import CONNECTION_CONFIG_TO_TYPE, ConnectionConfig

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.offline import (
    Catalogs,
    ConnectionAttemptedError,
    OfflineConfig,
    offline_config,
)
from dg_sqlmesh_codegen.sqlmesh_project.records import Source
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh

USER = {"user": "u", "password": "p"}
FABRIC = {"workspace_id": "00000000-0000-0000-0000-000000000000", "tenant_id": "t"}
# What each engine's connection needs at least, and a catalog where it can have one.
CONNECTIONS: dict[str, dict[str, Any]] = {
    "athena": {"work_group": "w", "catalog_name": "cat"},
    "azuresql": {"host": "h", "database": "cat"},
    "bigquery": {"project": "cat-1"},
    "clickhouse": {"host": "h", "username": "u"},
    "databricks": {"server_hostname": "h", "http_path": "p", "access_token": "t", "catalog": "Cat"},
    "db2": {"host": "h", "username": "u", "password": "p", "database": "cat", "db2_schema": "s"},
    "duckdb": {"database": "cat.db"},
    "fabric": {"host": "h", "database": "cat", "user": "u", "password": "p", **FABRIC},
    "gcp_postgres": {"instance_connection_string": "x:y:z", **USER, "db": "cat"},
    "motherduck": {"database": "cat"},
    "mssql": {"host": "h", "database": "cat"},
    "mysql": {"host": "h", "user": "u", "password": "p"},
    "postgres": {"host": "h", "user": "u", "password": "p", "port": 1, "database": "cat"},
    "redshift": {"host": "h", "database": "cat"},
    "risingwave": {"host": "h", "user": "u", "port": 1, "database": "cat"},
    "snowflake": {"account": "a", "user": "u", "password": "p", "database": "cat"},
    "spark": {"catalog": "cat"},
    "starrocks": {"host": "h", "user": "u", "password": "p"},
    "trino": {"host": "h", "user": "u", "catalog": "cat"},
}
DRIVERS = {
    "athena": "pyathena",
    "azuresql": "pymssql",
    "bigquery": "google.cloud.bigquery",
    "clickhouse": "clickhouse_connect",
    "databricks": "databricks",
    "duckdb": "duckdb",
    "motherduck": "duckdb",
    "mssql": "pymssql",
    "mysql": "pymysql",
    "postgres": "psycopg2",
    "redshift": "redshift_connector",
    "risingwave": "psycopg2",
    "snowflake": "snowflake.connector",
    "spark": "pyspark",
    "starrocks": "pymysql",
    "trino": "trino",
}
WITHOUT_CATALOGS = {"clickhouse", "mysql", "starrocks"}


def offline(engine: str, **options: str | None) -> ConnectionConfig:
    """Read a configuration with such a connection, offline."""
    connection = {"type": engine, **CONNECTIONS[engine], **options}
    config = OfflineConfig.parse_obj(
        {"gateways": {"gw": {"connection": connection}}, "model_defaults": {"dialect": "duckdb"}}
    )
    return offline_config(config, Catalogs({}, "gw")).get_connection("gw")


def no_driver(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError:
        return True


def test_every_engine_of_this_sqlmesh_has_a_case() -> None:
    assert set(CONNECTIONS) == set(CONNECTION_CONFIG_TO_TYPE)


@pytest.mark.parametrize("engine", sorted(set(CONNECTIONS) - {"db2"}))
def test_an_engine_without_its_driver_without_a_connection(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(DRIVERS.get(engine), monkeypatch)
    adapter = offline(engine).create_engine_adapter()

    assert adapter.dialect == CONNECTION_CONFIG_TO_TYPE[engine].DIALECT or engine == "fabric"
    if engine in WITHOUT_CATALOGS:
        assert adapter.default_catalog is None
        assert adapter.catalog_support.is_unsupported
    else:
        assert adapter.default_catalog is not None
        assert adapter.default_catalog.lower().startswith("cat")
    with pytest.raises(ConnectionAttemptedError, match="wanted to connect to gateway 'gw'"):
        adapter.cursor.execute("SELECT 1")


def hide(driver: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of a driver fail; SQLMesh itself needs duckdb's."""
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if driver and driver != "duckdb" and name.partition(".")[0] == driver.partition(".")[0]:
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


@pytest.mark.parametrize("engine", sorted(DRIVERS))
def test_the_names_are_those_of_the_real_connection(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the driver is installed, SQLMesh's own connection is the oracle."""
    if no_driver(DRIVERS[engine]):
        pytest.skip(f"{DRIVERS[engine]} is not installed: too large, or without a wheel")
    real = Config.parse_obj(
        {
            "gateways": {"gw": {"connection": {"type": engine, **CONNECTIONS[engine]}}},
            "model_defaults": {"dialect": "duckdb"},
        }
    ).get_connection("gw")
    # BigQuery looks for credentials before it is asked for anything.
    monkeypatch.setattr(ConnectionConfig, "_connection_factory_with_kwargs", None)
    expected = ConnectionConfig.create_engine_adapter(real)
    adapter = offline(engine).create_engine_adapter()

    assert type(adapter) is type(expected)
    assert adapter.dialect == expected.dialect
    assert adapter.catalog_support == expected.catalog_support
    assert adapter.default_catalog == expected.default_catalog
    # The fields, too, and with them SQLMesh's keys for what it caches.
    assert offline(engine).dict() == real.dict()


@pytest.mark.parametrize("engine", ["postgres", "mysql", "snowflake", "trino"])
def test_a_connection_whose_credentials_are_not_there(engine: str) -> None:
    missing: dict[str, str | None] = {"port": "None", "password": None, "user": None}
    adapter = offline(engine, **missing).create_engine_adapter()

    assert adapter.default_catalog == (None if engine == "mysql" else "cat")


CONFIG = """
    gateways:
      {gateway}:
        connection: {{type: {engine}, {connection}}}
        state_connection:
          type: postgres
          host: "{{{{ env_var('STATE_HOST') }}}}"
          port: "{{{{ env_var('STATE_PORT') }}}}"
          user: u
          password: "{{{{ env_var('STATE_PASSWORD') }}}}"
          database: state
      other:
        connection: {{type: snowflake, account: "{{{{ env_var('SNOWFLAKE_ACCOUNT') }}}}"}}
    default_gateway: {gateway}
    model_defaults: {{dialect: {dialect}, start: 2026-01-01}}
"""


def yaml_of(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in values.items())


@pytest.mark.parametrize("engine", sorted(set(CONNECTIONS) - {"db2", "fabric"}))
def test_a_project_on_every_engine(engine: str, tmp_path: Path) -> None:
    dialect = CONNECTION_CONFIG_TO_TYPE[engine].DIALECT
    config = CONFIG.format(
        gateway="main", engine=engine, connection=yaml_of(CONNECTIONS[engine]), dialect=dialect
    )
    # A second gateway with a catalog makes ClickHouse take a virtual one: alone it has none.
    if engine in WITHOUT_CATALOGS:
        config = config[: config.index("      other:")] + config[config.index("    default_g") :]
    files = {
        "models/a.sql": model("sales.orders", kind="FULL"),
        "models/b.sql": model("sales.lines", "SELECT id FROM sales.orders", kind="FULL"),
    }
    project = describe.inspect(Source((write_project(tmp_path, files, config=config),)))
    lines, orders = project.models

    assert lines.depends_on == (orders.fqn,)
    assert len(orders.table.parts) == (2 if engine in WITHOUT_CATALOGS else 3)


def test_a_catalog_that_is_in_an_unset_variable_has_to_be_given(tmp_path: Path) -> None:
    config = """
        gateways:
          main:
            connection: {type: snowflake, account: a, database: "{{ env_var('DATABASE') }}"}
        model_defaults: {dialect: snowflake}
    """
    write_project(tmp_path, {"models/a.sql": model("s.a")}, config=config)

    with pytest.raises(ConnectionAttemptedError, match="pass --default-catalog main=NAME"):
        describe.inspect(Source((tmp_path,)))
    source = Source((tmp_path,), default_catalogs={"main": "PROD"})
    assert describe.inspect(source).models[0].name == "PROD.S.A"


PYTHON_CONFIG = """
import os
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

config = Config(
    gateways={{"main": GatewayConfig(connection=DuckDBConnectionConfig(
        database="warehouse.db", connector_config={{"password": os.environ["DB_PASSWORD"]}},
    ))}},
    variables={variables},
    model_defaults=ModelDefaultsConfig(dialect="duckdb"),
)
"""


def python_config(folder: Path, variables: str) -> Source:
    write_project(folder, {"models/a.sql": model("s.a")})
    (folder / "config.yaml").unlink()
    (folder / "config.py").write_text(PYTHON_CONFIG.format(variables=variables))
    return Source((folder,))


def test_a_python_config_whose_connection_needs_an_unset_variable(tmp_path: Path) -> None:
    source = python_config(tmp_path, "{}")

    assert describe.inspect(source).models[0].name == "warehouse.s.a"


def test_a_model_variable_that_needs_an_unset_variable_is_an_error(tmp_path: Path) -> None:
    source = python_config(tmp_path, '{"region": os.environ["REGION"]}')

    with pytest.raises(ProjectError, match=r"`variables` of .* needs the environment .* REGION"):
        describe.inspect(source)


def test_a_model_on_a_gateway_whose_catalog_nobody_knows(tmp_path: Path) -> None:
    config = """
        gateways:
          main:
            connection: {type: duckdb}
          other:
            connection: {type: snowflake, account: a}
        default_gateway: main
        model_defaults: {dialect: duckdb}
    """
    write_project(tmp_path, {"models/a.sql": model("s.a")}, config=config)
    assert describe.inspect(Source((tmp_path,))).models[0].name == "memory.s.a"

    (tmp_path / "models" / "b.sql").write_text(model("s.b", gateway="other"))
    with pytest.raises(ConnectionAttemptedError, match="pass --default-catalog other=NAME"):
        describe.inspect(Source((tmp_path,)))
