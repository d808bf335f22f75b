"""Each result of an audit reaches its check, whatever the audits and their arguments are called."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.shop import materialize
from projects import model

pytestmark = pytest.mark.dagster

AUDIT = "AUDIT (name {name}, dialect duckdb, {more}); SELECT * FROM {table} WHERE {condition};\n"
# A parameter of `AuditCheck`, a keyword of Python, and what a check is called in Dagster.
NAMED = "named(args := {args}, class := 1, name := 1)"
FILES = {
    "audits/named.sql": AUDIT.format(
        name="named",
        more="blocking false",
        table="@this_model",
        condition="id = @args AND @class = @name",
    ),
    "audits/alone.sql": AUDIT.format(
        name='"odd ""alone"',  # no name of a table
        more="standalone true, cron '@daily', start '2026-11-03'",
        table="work.b",
        condition="id < (SELECT MIN(id) FROM work.a)",
    ),
    # The inline audits of two models have one name.
    **{
        f"models/{name}.sql": model(
            f"work.{name}",
            "SELECT 1 AS id;",
            kind="FULL",
            audits=f"(inline_one, {audits}, not_null(columns := (id)))",
        )
        + AUDIT.format(
            name="inline_one", more="blocking false", table="@this_model", condition=condition
        )
        for name, condition, audits in (
            ("a", "id = 1", f"{NAMED.format(args=1)}, {NAMED.format(args=2)}"),
            ("b", "id = 2", "not_null(columns := (2 - id), blocking := false)"),
        )
    },
}


def test_checks_have_the_results_of_their_audits(workplace: Path) -> None:
    shop = workshop.make(workplace, FILES)
    outcome = materialize(shop)

    assert outcome.failure == ""
    warn = dg.AssetCheckSeverity.WARN
    assert outcome.failed == {("work.a", "inline_one"): warn, ("work.a", "named__1_1_1"): warn}
    assert outcome.passed == {
        ("work.a", "named__2_1_1"),
        ("work.a", "not_null"),
        ("work.b", "odd__alone"),
        ("work.b", "inline_one"),
        ("work.b", "not_null__2_id"),
        ("work.b", "not_null__id"),
    }
