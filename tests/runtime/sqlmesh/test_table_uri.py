"""The address of a table: engine, server and port of a connection, and never its user."""

from __future__ import annotations

import pytest
from sqlmesh.core.config import (
    ConnectionConfig,
    DuckDBConnectionConfig,
    PostgresConnectionConfig,
    SnowflakeConnectionConfig,
)

from dg_sqlmesh_codegen.runtime.sqlmesh.table_uri import table_uri

pytestmark = pytest.mark.sqlmesh

# Without validation, which imports the drivers.
POSTGRES = PostgresConnectionConfig.model_construct(
    host="db.example", port=5432, user="ana", password="secret", database="a"  # noqa: S106
)
SNOWFLAKE = SnowflakeConnectionConfig.model_construct(account="org-1", user="ana")


@pytest.mark.parametrize(
    ("connection", "uri"),
    [
        (POSTGRES, "postgres://db.example:5432/a.s.t"),
        (SNOWFLAKE, "snowflake://org-1/a.s.t"),
        (POSTGRES.model_copy(update={"host": "/var/run/postgresql"}), ""),
        (DuckDBConnectionConfig.model_construct(database="a.duckdb"), ""),
    ],
)
def test_the_address_of_a_table(connection: ConnectionConfig, uri: str) -> None:
    assert table_uri(connection, "a.s.t") == uri
