"""Runs of checks without their assets: what "Execute" on the checks page starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import dagster as dg
import pytest

from e2e import workshop
from e2e.outcome import STATUS, Outcome
from e2e.shop import PLANNED_AT, TWO_DAYS_LATER, Shop, materialize, run_at, tick
from projects import model

pytestmark = pytest.mark.dagster

DAILY = """
MODEL (
  name work.daily,
  kind INCREMENTAL_BY_TIME_RANGE (time_column day),
  audits (
    not_null(columns := (n)),
    accepted_range_non_blocking(column := n, max_v := 5),
    accepted_range_non_blocking(column := n, max_v := 100),
    switched_on
  )
);
SELECT day::DATE AS day, n::INT AS n FROM raw.source WHERE day BETWEEN @start_ds AND @end_ds;

AUDIT (name switched_on);
SELECT * FROM @this_model WHERE (SELECT COUNT(*) FROM raw.switch) = 0
"""
SEEN = "SELECT n::INT AS n FROM raw.source"
TOTALS = """
AUDIT (name totals, dialect duckdb, standalone true, cron '@daily', start '2026-11-03');
SELECT * FROM work.daily WHERE n > 5
"""
FILES = {
    "models/daily.sql": DAILY,
    "models/seen.sql": model(
        "work.seen", SEEN, kind="VIEW", audits="(unique_values(columns := n))"
    ),
    "audits/totals.sql": TOTALS,
}
SOURCE = """
CREATE SCHEMA raw; CREATE TABLE raw.switch AS SELECT 1 AS n;
CREATE TABLE raw.source AS FROM (VALUES ('2026-11-03', 6), ('2026-11-04', 7)) AS t(day, n);
"""


class Options(TypedDict, total=False):
    """Options of a run."""

    start: str
    end: str


@pytest.fixture
def shop(workplace: Path) -> Shop:
    return workshop.make(workplace, FILES, sql=SOURCE)


def checks_of(shop: Shop) -> dict[str, dg.AssetCheckKey]:
    """Return the checks of the package, without the status, by name."""
    specs = shop.definitions().sqlmesh_models.check_specs
    return {spec.name: spec.key for spec in specs if spec.name != STATUS}


def execute(shop: Shop, *names: str, at: str = PLANNED_AT, **options: Unpack[Options]) -> Outcome:
    """Run checks alone; all of the package by default."""
    keys = [key for name, key in checks_of(shop).items() if name in names or not names]
    return materialize(shop, at, selection=dg.AssetSelection.checks(*keys), **options)


def found(outcome: Outcome) -> dict[str, object]:
    """Return by audit the number of rows that it found, and its severity."""
    failed = outcome.failed.items()
    return {
        name.split("_non_blocking")[0]: (
            outcome.check_metadata[asset, name]["sqlmesh/count"],
            severity.value,
        )
        for (asset, name), severity in failed
    }


def test_audits_run_on_what_is_evaluated_and_nothing_is_written(shop: Shop) -> None:
    workshop.execute(shop, "INSERT INTO raw.source VALUES ('2026-11-05', 7)")
    before = workshop.intervals(shop)
    outcome = execute(shop)

    assert not outcome.failure
    assert outcome.materialized == []
    assert workshop.intervals(shop) == before
    # Of work.daily one day is evaluated; the view shows the new row.
    assert found(outcome) == {
        "accepted_range": (1, "WARN"),
        "totals": (1, "WARN"),
        "unique_values": (1, "ERROR"),
    }
    assert {name for _, name in outcome.passed} >= {"not_null", "switched_on"}
    assert len(outcome.passed) == 3
    assert outcome.check_metadata["work.daily", "not_null"]["sqlmesh/intervals"] == [
        ["2026-11-03T00:00:00+00:00", "2026-11-04T00:00:00+00:00"]
    ]
    for check in outcome.failed:  # the query can be pasted into a client
        text = str(outcome.check_metadata[check]["sqlmesh/audit_query"])
        assert text.startswith("```sql\nSELECT")
        rows = workshop.query(shop, text.removeprefix("```sql").removesuffix("```"))
        assert len(rows) == outcome.check_metadata[check]["sqlmesh/count"]


def test_only_the_selected_audits_run_between_the_times_of_the_run(shop: Shop) -> None:
    materialize(shop)  # 2026-11-04 has a row, too
    workshop.execute(shop, "DROP TABLE raw.switch")  # switched_on could not run
    outcome = execute(shop, "not_null", "totals", at=TWO_DAYS_LATER)
    assert (outcome.failure, found(outcome)) == ("", {"totals": (2, "WARN")})

    ranges = [name for name in checks_of(shop) if name.startswith("accepted_range")]
    outcome = execute(shop, *ranges, end="2026-11-03")
    assert found(outcome) == {"accepted_range": (1, "WARN")}


def test_an_audit_that_cannot_run_fails_the_step_and_has_no_result(shop: Shop) -> None:
    workshop.execute(shop, "DROP TABLE raw.switch")
    outcome = execute(shop, "not_null", "switched_on")

    assert "SQLMesh could not run the audit switched_on of shop.work.daily: " in outcome.failure
    assert "raw.switch" in outcome.failure or "switch does not exist" in outcome.failure
    assert outcome.passed == {("work.daily", "not_null")}
    assert outcome.failed == {}

    outcome = execute(shop, "not_null", start="2026-11-05", at=TWO_DAYS_LATER)
    assert "no interval of the model is evaluated in this time" in outcome.failure
    assert not outcome.passed


def test_the_status_check_alone_reads_the_state(shop: Shop) -> None:
    keys = [model.status_check.key for model in shop.definitions().MODELS]
    status = dg.AssetSelection.checks(*keys)
    outcome = materialize(shop, PLANNED_AT, selection=status)
    assert outcome.status == {"work.daily": "up to date", "work.seen": "up to date"}

    with dg.DagsterInstance.ephemeral() as instance:
        workshop.execute(shop, "DROP TABLE raw.switch")
        failed = materialize(shop, selection="key:shop/work/daily", instance=instance)
        assert failed.failure
        outcome = materialize(shop, selection=status, instance=instance)

    assert (outcome.failure, outcome.materialized) == ("", [])
    assert outcome.status == {"work.daily": "failed", "work.seen": "due"}


def test_a_tick_has_a_standalone_audit_evaluated_that_alone_is_due(shop: Shop) -> None:
    models = dg.AssetSelection.all().without_checks()
    materialize(shop, selection=models)
    request = tick(shop, datetime(2026, 11, 6, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == []

    assert [key.name for key in request.asset_check_keys or ()] == ["totals"]

    before = workshop.intervals(shop)
    checks = dg.AssetSelection.checks(*request.asset_check_keys or ())
    module = shop.definitions()
    run = dg.materialize(
        [module.sqlmesh_models],
        resources=module.defs.resources,
        run_config=run_at(TWO_DAYS_LATER),
        selection=checks,
        tags=request.tags,
    )
    (totals,) = run.get_asset_check_evaluations()
    assert not totals.passed
    assert workshop.intervals(shop) != before
    assert isinstance(tick(shop, datetime(2026, 11, 6, tzinfo=UTC)), dg.SkipReason)
