"""State keys and secrets of SQLMesh's own configuration objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmesh.core.config import ConnectionConfig
from sqlmesh.core.config.connection import parse_connection_config

from dg_sqlmesh_codegen.runtime.redaction import secrets_of
from dg_sqlmesh_codegen.runtime.sqlmesh.state_identity import duckdb_file, state_key

pytestmark = pytest.mark.sqlmesh

State = tuple[ConnectionConfig, str | None, str]
LOGIN = {"host": "localhost", "user": "dagster", "password": "hunter2!"}


def postgres(schema: str | None = None, environment: str = "prod", **changes: object) -> State:
    fields = {"type": "postgres", "port": 5432, "database": "warehouse", **LOGIN, **changes}
    return parse_connection_config(fields), schema, environment


def duckdb(environment: str = "prod", **fields: object) -> State:
    return parse_connection_config({"type": "duckdb", **fields}), None, environment


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (postgres(), postgres(user="me", password="other", concurrent_tasks=9), True),  # noqa: S106
        (postgres(), postgres(host="LOCALHOST"), True),
        (postgres(), postgres(host="elsewhere"), False),
        (postgres(), postgres(port=5433), False),
        (postgres(), postgres(database="other"), False),
        (postgres(), postgres(schema="state_of_b"), False),
        (postgres(), postgres(environment="dev"), False),
        (duckdb(database="shop.db"), duckdb(database="link/shop.db"), True),
        (duckdb(database="shop.db"), duckdb(catalogs={"a": "shop.db", "b": "other.db"}), True),
        # Only one process at a time can open a file, for any environment.
        (duckdb(database="shop.db"), duckdb(database="shop.db", environment="dev"), True),
        (duckdb(database="shop.db"), duckdb(database="other.db"), False),
    ],
)
def test_two_states_have_one_key_if_runs_must_not_overlap(
    one: State, other: State, same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)

    assert (state_key(*one) == state_key(*other)) is same
    assert state_key(*one).isalnum()  # it contains no secret


@pytest.mark.parametrize(
    ("state", "file"),
    [
        (duckdb(database="/a.db"), Path("/a.db")),
        (duckdb(database=":memory:"), None),
        (postgres(), None),
    ],
)
def test_which_states_are_a_file(state: State, file: Path | None) -> None:
    assert duckdb_file(state[0]) == file


def test_secrets_are_found_by_their_names() -> None:
    s3 = {"type": "s3", "secret": "s3cr3t-value"}
    configuration = {
        "gateways": [postgres(), duckdb(secrets=[s3])],
        "token": "abc",
        "options": {"private_key": "-----KEY-----", "user": "not-secret", "passphrase": "phrase!"},
    }

    found = {"hunter2!", "s3cr3t-value", "abc", "-----KEY-----", "phrase!"}
    assert secrets_of(configuration) == found
