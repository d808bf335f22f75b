"""What single snapshots say: their evaluations, and the address of their table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlmesh.core.config import (
    ConnectionConfig,
    DuckDBConnectionConfig,
    PostgresConnectionConfig,
    SnowflakeConnectionConfig,
)
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.runtime.due import Evaluated
from dg_sqlmesh_codegen.runtime.sqlmesh.snapshots import _uri, evaluated_models, table_uri

pytestmark = pytest.mark.sqlmesh

FINALIZED = 5000
DAY, PREVIEW = (0, 1), (1, 2)
SNAPSHOT = {
    "version": "v1",
    "intervals": [DAY],
    "dev_intervals": [],
    "last_altered_ts": FINALIZED - 1,
    "dev_last_altered_ts": None,
    "is_model": True,
    "is_symbolic": False,
    "is_seed": False,
    "node": SimpleNamespace(dialect="duckdb"),
    "qualified_view_name": SimpleNamespace(for_environment=lambda name, **_: f"s__{name}.a"),
}


def evaluated(
    environment: str = "prod", before: dict[str, str] | None = None, **fields: object
) -> Evaluated | None:
    """Return what is read of a snapshot with these fields.

    `before` are the versions before the latest plan.
    """
    snapshots: Any = {"a": SimpleNamespace(**{**SNAPSHOT, **fields})}
    previous = [SimpleNamespace(name=name, version=each) for name, each in (before or {}).items()]
    made: Any = SimpleNamespace(
        finalized_ts=FINALIZED,
        previous_finalized_snapshots=previous or None,
        name=environment,
        naming_info=environment,
        promoted_snapshot_ids=None,
    )
    return evaluated_models(made, snapshots).get("a")


@pytest.mark.parametrize(
    ("fields", "by"),
    [
        ({}, "plan"),  # the latest plan promoted the version first
        ({"before": {"a": "v0"}}, "plan"),
        ({"before": {"a": "v1"}}, "plan or run"),  # restated by the plan, or by a run before it
        ({"last_altered_ts": FINALIZED + 1}, "run"),
        ({"last_altered_ts": None}, "plan or run"),
        ({"is_seed": True, "last_altered_ts": FINALIZED + 1}, "plan"),
        ({"is_seed": True, "last_altered_ts": None, "before": {"a": "v1"}}, "plan"),
    ],
)
def test_what_evaluated_a_model_is_said_only_if_it_is_known(
    fields: dict[str, Any], by: str
) -> None:
    found = evaluated(**fields)

    assert found
    assert found.by == by


@pytest.mark.parametrize("fields", [{"intervals": []}, {"is_symbolic": True}, {"is_model": False}])
def test_what_was_not_evaluated_or_has_no_asset_is_left_out(fields: dict[str, object]) -> None:
    assert evaluated(**fields) is None  # type: ignore[arg-type]


def test_previews_count_in_development_environments_only() -> None:
    preview: dict[str, Any] = {"dev_intervals": [PREVIEW], "dev_last_altered_ts": FINALIZED}

    assert evaluated("prod", **preview) == Evaluated("v1", (DAY,), FINALIZED - 1, "plan")
    assert evaluated("dev", **preview) == Evaluated(
        "v1", (PREVIEW,), FINALIZED, "plan", view="s__dev.a", environment="dev"
    )


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


def test_a_model_of_a_gateway_that_is_gone_has_no_address() -> None:
    context = Mock()
    context.config.get_connection.side_effect = ConfigError("Missing gateway 'old'")

    assert _uri(context, "old", "a.s.t") == ""
    context.config.get_connection.assert_called_once_with("old")
