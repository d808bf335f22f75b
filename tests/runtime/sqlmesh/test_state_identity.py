"""State keys and secrets of SQLMesh's own configuration objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dg_sqlmesh_codegen.runtime.redaction import secrets_of
from dg_sqlmesh_codegen.runtime.sqlmesh.state_identity import duckdb_file, state_key

pytestmark = pytest.mark.sqlmesh

pytestmark = pytest.mark.sqlmesh


def postgres(**changes: object) -> Any:  # noqa: ANN401 - SQLMesh is imported inside
    from sqlmesh.core.config import PostgresConnectionConfig  # noqa: PLC0415

    fields: dict[str, object] = {
        "host": "db.example",
        "port": 5432,
        "user": "dagster",
        "password": "hunter2!",
        "database": "warehouse",
    }
    return PostgresConnectionConfig.model_validate({**fields, **changes})


def duckdb(**fields: object) -> Any:  # noqa: ANN401 - SQLMesh is imported inside
    from sqlmesh.core.config import DuckDBConnectionConfig  # noqa: PLC0415

    return DuckDBConnectionConfig.model_validate(fields)


def test_another_user_of_the_same_state_has_the_same_key() -> None:
    key = state_key(postgres(), None, "prod")

    assert state_key(postgres(user="somebody", password="other"), None, "prod") == key  # noqa: S106
    assert state_key(postgres(concurrent_tasks=9, host="DB.example"), None, "prod") == key


@pytest.mark.parametrize(
    "change", [{"host": "elsewhere"}, {"port": 5433}, {"database": "other"}], ids=str
)
def test_another_database_has_another_key(change: dict[str, object]) -> None:
    assert state_key(postgres(**change), None, "prod") != state_key(postgres(), None, "prod")


def test_environments_and_schemas_have_different_keys() -> None:
    keys = {
        state_key(postgres(), schema, environment)
        for schema in (None, "state_of_b")
        for environment in ("prod", "dev")
    }
    assert len(keys) == 4


def test_all_names_of_this_host_have_the_same_key() -> None:
    assert state_key(postgres(host="localhost"), None, "prod") == state_key(
        postgres(host="127.0.0.1"), None, "prod"
    )


def test_all_paths_of_a_duckdb_file_have_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    key = state_key(duckdb(database=str(tmp_path / "shop.db")), None, "prod")

    assert state_key(duckdb(database="shop.db"), None, "prod") == key
    assert state_key(duckdb(database=str(tmp_path / "link" / "shop.db")), None, "prod") == key
    assert state_key(duckdb(catalogs={"c": "shop.db"}), None, "prod") == key
    assert state_key(duckdb(database="other.db"), None, "prod") != key
    # Only one process at a time can open it, for any environment.
    assert state_key(duckdb(database="shop.db"), None, "dev") == key


def test_only_the_first_catalog_counts(tmp_path: Path) -> None:
    one, two = str(tmp_path / "one.db"), str(tmp_path / "two.db")

    assert duckdb_file(duckdb(catalogs={"a": one, "b": two})) == Path(one)
    assert duckdb_file(duckdb(database=":memory:")) is None
    assert duckdb_file(postgres()) is None


def test_a_default_port_has_the_same_key(tmp_path: Path) -> None:
    from sqlmesh.core.config import MySQLConnectionConfig  # noqa: PLC0415

    fields = {"host": "db.example", "user": "me", "password": "hunter2!"}
    explicit = MySQLConnectionConfig.model_validate({**fields, "port": 3306})
    implicit = MySQLConnectionConfig.model_validate(fields)

    assert state_key(explicit, None, "prod") == state_key(implicit, None, "prod")


def test_a_key_contains_no_secret() -> None:
    assert state_key(postgres(), None, "prod").isalnum()


def test_secrets_are_found_by_their_names() -> None:
    configuration = {
        "gateways": [postgres(), duckdb(secrets=[{"type": "s3", "secret": "s3cr3t-value"}])],
        "token": "abc",
        "options": {"private_key": "-----KEY-----", "user": "not-secret", "passphrase": "phrase!"},
    }

    found = {"hunter2!", "s3cr3t-value", "abc", "-----KEY-----", "phrase!"}
    assert secrets_of(configuration) == found
