"""Every engine's connection, replaced: the names stay, and nobody is called."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import duckdb
import pytest
from sqlmesh import Context
from sqlmesh.core.config import Config
from sqlmesh.core.config.connection import (
    CONNECTION_CONFIG_TO_TYPE,
    BaseDuckDBConnectionConfig,
    ConnectionConfig,
    DuckDBConnectionConfig,
)
from sqlmesh.utils.errors import ConfigError, MissingDefaultCatalogError

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.offline import (
    UNKNOWN_CATALOG,
    ConnectionAttemptedError,
    OfflineConfig,
    OfflineContext,
)
from dg_sqlmesh_codegen.sqlmesh_project.records import ANY_GATEWAY, Source
from host_versions import since
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
# SQLMesh itself needs the drivers of some, and a package of its own for the dialect of Db2.
ENGINES = sorted({*CONNECTIONS} & {*CONNECTION_CONFIG_TO_TYPE} - {"db2"})
ROLES = {"alone": ["gw"], "selected": ["gw", "duck"], "second": ["duck", "gw"]}


class AskedError(Exception):
    """SQLMesh connects to a warehouse."""


def config_of(kind: type[Config], names: list[str], connection: dict[str, Any]) -> Config:
    """Return a configuration with `connection` as `gw`, and DuckDB as `duck`; the first is used."""
    connections = {"gw": connection, "duck": {"type": "duckdb", "database": "shop.db"}}
    fields = ("connection", "state_connection", "test_connection")
    gateways = {name: dict.fromkeys(fields, connections[name]) for name in names}
    defaults = {"default_gateway": names[0], "model_defaults": {"dialect": "duckdb"}}
    return kind.parse_obj({"gateways": gateways, **defaults})


def adapters(context: Context) -> dict[str, tuple[object, ...]]:
    """Return what SQLMesh makes names of, by gateway."""
    catalogs = context.default_catalog_per_gateway
    return {
        name: (type(each), each.dialect, each.catalog_support, catalogs.get(name))
        for name, each in context.engine_adapters.items()
    }


def by_sqlmesh(names: list[str], connection: dict[str, Any]) -> dict[str, tuple[object, ...]]:
    """Return what SQLMesh itself makes of such a connection, or raise `AskedError`."""

    def ask(**options: object) -> NoReturn:
        raise AskedError

    def factory(connection: ConnectionConfig) -> object:
        return duckdb.connect if isinstance(connection, DuckDBConnectionConfig) else ask

    driver = {} if connection["type"] in ("duckdb", "motherduck") else {"check_import": False}
    with pytest.MonkeyPatch.context() as patch:
        # BigQuery looks for credentials before it connects; DuckDB's adapters are shared.
        patch.setattr(ConnectionConfig, "_connection_factory_with_kwargs", property(factory))
        patch.setattr(BaseDuckDBConnectionConfig, "_data_file_to_adapter", {})
        try:
            real = config_of(Config, names, connection | driver)
        except ConfigError as error:  # the catalog is required
            raise AskedError from error
        return adapters(Context(config={Path("/project"): real}, load=False))


def offline(names: list[str], connection: dict[str, Any]) -> OfflineContext:
    config = config_of(OfflineConfig, names, connection)
    return OfflineContext(Source(()), {Path("/project"): config})


def hide_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of every driver fail; SQLMesh itself needs duckdb's."""
    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> ModuleType:
        if not name.startswith(("duckdb", "sqlmesh", "sqlglot", ".")):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


def test_every_engine_of_this_sqlmesh_has_a_case() -> None:
    assert {*CONNECTIONS} >= {*CONNECTION_CONFIG_TO_TYPE}  # an older one has fewer


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("named", [True, False], ids=["catalog", "no catalog"])
def test_the_names_are_those_of_the_real_connection(
    engine: str, role: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, connection = ROLES[role], {"type": engine, **CONNECTIONS[engine]}
    if not named:
        connection = {key: value for key, value in connection.items() if "cat" not in str(value)}
    try:
        expected = by_sqlmesh(names, connection)
    except (AskedError, MissingDefaultCatalogError):
        expected = {}
    hide_drivers(monkeypatch)
    context = offline(names, connection)
    if expected:
        assert adapters(context) == expected
    elif role == "second":
        assert adapters(context)["gw"][-1] == UNKNOWN_CATALOG
    else:
        with pytest.raises(ConnectionAttemptedError, match="pass --default-catalog gw=NAME"):
            adapters(context)
    with pytest.raises(ConnectionAttemptedError, match="wanted to connect to gateway 'gw'"):
        context.engine_adapters["gw"].cursor.execute("SELECT 1")


@pytest.mark.parametrize("engine", ["postgres", "mysql", "snowflake", "trino"])
def test_a_connection_whose_credentials_are_not_there(engine: str) -> None:
    # As `{{ env_var('NAME') }}` in YAML gives them.
    missing = {"port": "None", "password": None, "user": None}
    context = offline(["gw"], {"type": engine, **CONNECTIONS[engine], **missing})

    assert context.default_catalog == (None if engine == "mysql" else "cat")


@since("0.236", "a gateway without catalogs beside one with")
def test_a_gateway_without_catalogs_beside_one_with(tmp_path: Path) -> None:
    config = """
        gateways:
          main:
            connection: {type: duckdb, database: shop.db}
          ch:
            connection: {type: clickhouse, host: h, username: u}
        default_gateway: main
        model_defaults: {dialect: duckdb}
    """
    files = {"models/a.sql": model("s.a", gateway="ch"), "models/b.sql": model("s.b")}
    project = describe.inspect(Source((write_project(tmp_path, files, config=config),)))
    assert [each.fqn for each in project.models] == ['"__ch__"."s"."a"', '"shop"."s"."b"']


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
    for gateway in ("main", ANY_GATEWAY):
        source = Source((tmp_path,), default_catalogs={gateway: "PROD"})
        assert describe.inspect(source).models[0].name == "PROD.S.A"


PYTHON_CONFIG = """
import os
from sqlmesh.core.config import *

config = Config(
    gateways={{"main": GatewayConfig(connection=PostgresConnectionConfig(
        host=os.environ["PG_HOST"], port=int(os.environ["PG_PORT"]), user="u",
        password=os.environ["PG_PASSWORD"], database={database}, check_import=False,
    ))}},
    variables={variables},
    model_defaults=ModelDefaultsConfig(dialect="postgres"),
)
"""


@pytest.mark.parametrize(
    ("database", "variables", "message"),
    [
        ("'dwh'", "{}", None),  # only the connection needs what is not set
        (
            "os.environ['MSSQL_DATABASE']",
            "{'source': os.environ['MSSQL_DATABASE_SOURCE']}",
            r"set, MSSQL_DATABASE_SOURCE, MSSQL_DATABASE: `variables` of .* needs MSSQL_DATABASE"
            r"_SOURCE; `gateways.main.connection` of .* needs MSSQL_DATABASE\. Set MSSQL_DATA",
        ),
        (
            "os.environ['DB'][100]",
            "{}",
            r"not set, PG_HOST, PG_PORT, PG_PASSWORD, DB: .* index out",
        ),
    ],
)
def test_variables_that_a_python_config_needs(
    database: str, variables: str, message: str | None, tmp_path: Path
) -> None:
    write_project(tmp_path, {"models/a.sql": model("s.a")})
    (tmp_path / "config.yaml").unlink()
    text = PYTHON_CONFIG.format(database=database, variables=variables)
    (tmp_path / "config.py").write_text(text)
    before = dict(os.environ)
    if message:
        with pytest.raises(ProjectError, match=message):
            describe.inspect(Source((tmp_path,)))
    else:
        assert describe.inspect(Source((tmp_path,))).models[0].name == "dwh.s.a"
    assert dict(os.environ) == before


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
    project = describe.inspect(Source((tmp_path,)))
    assert project.models[0].name == "memory.s.a"
    assert "The DuckDB database of gateway 'main' is in memory" in project.warnings[0]

    (tmp_path / "models" / "b.sql").write_text(model("s.b", gateway="other"))
    with pytest.raises(ConnectionAttemptedError, match="pass --default-catalog other=NAME"):
        describe.inspect(Source((tmp_path,)))
