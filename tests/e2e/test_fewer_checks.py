"""`checks` and `execution_status_check` keep the number of events in the user's hand."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.pipeline import generate
from e2e import workshop
from e2e.shop import DUE, Shop, run_at
from projects import model

pytestmark = pytest.mark.dagster

SOURCE = "CREATE SCHEMA raw; CREATE TABLE raw.source AS SELECT 1 AS id"
AUDIT = """
AUDIT (name {name}, dialect duckdb, standalone true, cron '@daily', start '2026-11-03');
SELECT * FROM {table} WHERE FALSE
"""


def events(shop: Shop, package: str, **keys: object) -> list[dg.DagsterEvent]:
    """Generate with these keys of the configuration, run what is due and return the events."""
    generate(Config((shop.project,), shop.folder / package, **keys))  # type: ignore[arg-type]
    module = importlib.import_module(f"{package}.definitions")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [module.sqlmesh_models],
            resources=module.defs.resources,
            run_config=run_at("2026-11-06"),
            instance=instance,
        )
    assert len(list(module.defs.resolve_all_job_defs())) > 0
    return list(result.all_events)


def of_checks(found: list[dg.DagsterEvent]) -> set[str]:
    evaluations = (event for event in found if event.event_type_value == "ASSET_CHECK_EVALUATION")
    return {event.asset_check_evaluation_data.check_name for event in evaluations}


def test_no_checks_at_all(shop: Shop) -> None:
    found = events(shop, "bare_defs", checks="none", execution_status_check=False)
    assert of_checks(found) == set()
    materialized = [event for event in found if event.is_step_materialization]
    assert len(materialized) == len(DUE)


def test_blocking_audits_only(shop: Shop) -> None:
    every = of_checks(events(shop, "all_defs"))
    # The first run has left nothing that is due.
    package = "blocking_defs"
    generate(Config((shop.project,), shop.folder / package, checks="blocking"))
    module = importlib.import_module(f"{package}.definitions")
    audits = [audit for model in module.MODELS for audit in model.audits]
    assert audits
    assert all(audit.spec.metadata["sqlmesh/blocking"] is True for audit in audits)
    assert "sqlmesh_execution_status" in every
    kept = {audit.spec.name for audit in audits}
    assert kept < every


@pytest.mark.parametrize("checks", ["blocking", "none"])
def test_standalone_audits_are_checks_all_the_same(workplace: Path, checks: str) -> None:
    """Nothing else would have SQLMesh run them, and their crons are part of the schedule."""
    files = {
        "models/a.sql": model("work.a", kind="FULL", cron="'@monthly'", start="'2026-09-01'"),
        "audits/a.sql": AUDIT.format(name="of_a", table="work.a"),
        "audits/nothing.sql": AUDIT.format(name="of_nothing", table="raw.source"),
    }
    shop = workshop.make(workplace, files, sql=SOURCE)
    config = Config((shop.project,), shop.package, checks=checks)  # type: ignore[arg-type]
    generate(config)
    outcome = workshop.materialize(shop, "2026-11-06")
    module = shop.definitions()

    assert outcome.passed == {("work.a", "of_a")}
    assert module.sqlmesh_adaptive_schedule.cron_schedule == "0 0 * * *"
    with (
        dg.instance_for_test() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 11, 7, tzinfo=UTC),
            resources=module.defs.resources,
        ) as context,
    ):
        request = module.sqlmesh_adaptive_schedule(context)
    assert [key.name for key in request.asset_check_keys] == ["of_a"]


def test_what_no_check_says_the_log_does(
    shop: Shop, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shop.load_sources("--break")
    generate(Config((shop.project,), tmp_path / "silent_defs", checks="none"))
    module = importlib.import_module("silent_defs.definitions")
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [module.sqlmesh_models],
            resources=module.defs.resources,
            run_config=run_at("2026-11-06"),
            raise_on_error=False,
            instance=instance,
        )
    said = capfd.readouterr().err  # where Dagster logs to
    assert "audit not_null_non_blocking of shop.staging.customers failed, it found" in said
