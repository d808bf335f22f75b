"""`checks` and `execution_status_check` keep the number of events in the user's hand."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.pipeline import generate
from e2e import workshop
from e2e.outcome import STATUS
from e2e.shop import BELOW_ORDER_ITEMS, DUE, Shop, materialize, tick
from projects import model

pytestmark = pytest.mark.dagster

SOURCE = "CREATE SCHEMA raw; CREATE TABLE raw.source AS SELECT 1 AS id"
AUDIT = """
AUDIT (name {name}, dialect duckdb, standalone true, cron '@daily', start '2026-11-03');
SELECT * FROM {table} WHERE FALSE
"""


def generated(shop: Shop, **keys: object) -> ModuleType:
    """Generate with these keys of the configuration, and return the definitions."""
    generate(Config((shop.project,), shop.package, **keys))  # type: ignore[arg-type]
    return shop.definitions()


def test_without_checks_the_log_says_what_failed(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.load_sources("--break")
    module = generated(shop, checks="none", execution_status_check=False)
    outcome = materialize(shop)

    assert len(list(module.defs.resolve_all_job_defs())) > 0
    assert outcome.check_metadata == {}
    assert set(outcome.materialized) == DUE - BELOW_ORDER_ITEMS - {"staging.order_items"}
    said = capfd.readouterr().err  # where Dagster logs to
    assert "Audit not_null_non_blocking of shop.staging.customers failed: it found" in said


def test_blocking_audits_only(shop: Shop) -> None:
    every = {check.spec.name for model in shop.definitions().MODELS for check in model.audit_checks}
    for name in [name for name in sys.modules if name.split(".")[0] == shop.package.name]:
        del sys.modules[name]  # the package is generated again
    module = generated(shop, checks="blocking")
    audits = [audit for model in module.MODELS for audit in model.audit_checks]
    outcome = materialize(shop)

    assert all(audit.spec.metadata["sqlmesh/blocking"] is True for audit in audits)
    kept = {audit.spec.name for audit in audits}
    assert kept
    assert kept < every
    reported = {check for _, check in outcome.check_metadata}
    assert STATUS in reported
    assert reported - {STATUS}
    assert reported <= kept | {STATUS}


@pytest.mark.parametrize("checks", ["blocking", "none"])
def test_standalone_audits_are_checks_all_the_same(workplace: Path, checks: str) -> None:
    """Nothing else would have SQLMesh run them, and their crons are part of the schedule."""
    files = {
        "models/a.sql": model("work.a", kind="FULL", cron="'@monthly'", start="'2026-09-01'"),
        "audits/a.sql": AUDIT.format(name="of_a", table="work.a"),
        "audits/nothing.sql": AUDIT.format(name="of_nothing", table="raw.source"),
    }
    shop = workshop.make(workplace, files, sql=SOURCE)
    module = generated(shop, checks=checks)
    outcome = materialize(shop)
    request = tick(shop, datetime(2026, 11, 7, tzinfo=UTC))

    assert outcome.passed == {("work.a", "of_a")}
    assert module.sqlmesh_adaptive_schedule.cron_schedule == "0 0 * * *"
    assert isinstance(request, dg.RunRequest)
    assert [key.name for key in request.asset_check_keys or []] == ["of_a"]
