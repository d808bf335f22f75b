"""The generated job in its own process: default executor, persistent instance."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
import yaml

from e2e import workshop
from e2e.outcome import Outcome, last_outcome
from e2e.shop import BELOW_ORDER_ITEMS, DUE, Shop, run_at
from e2e.waiting import PATIENCE

pytestmark = pytest.mark.process


@pytest.fixture
def dagster_home(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance with the example's dagster.yaml, on SQLite."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    deployed = root / "generated_example" / "deploy" / "dagster.yaml"
    settings = yaml.safe_load(deployed.read_text(encoding="utf-8"))
    del settings["storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


def execute(shop: Shop, time: str) -> tuple[dg.DagsterRun, Outcome]:
    """Run `dagster job execute` and read back what the instance recorded."""
    config = shop.folder / "run.yaml"
    config.write_text(json.dumps(run_at(time)), encoding="utf-8")
    with workshop.job(shop, config) as process:
        process.wait(PATIENCE)
    return last_outcome()


def sqlmesh_runs(outcome: Outcome) -> int:
    return sum("SQLMesh evaluates" in message for message in outcome.messages)


@pytest.mark.usefixtures("dagster_home")
def test_each_job_is_one_sqlmesh_run_with_good_and_with_bad_data(shop: Shop) -> None:
    run, good = execute(shop, "2026-11-06")

    assert good.failure == ""
    assert sqlmesh_runs(good) == good.steps_started == 1
    assert set(good.materialized) == DUE
    assert good.failed == {}
    assert run.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"

    shop.load_sources("--break")
    _, broken = execute(shop, "2026-11-07")

    assert sqlmesh_runs(broken) == broken.steps_started == 1
    assert set(broken.materialized) == DUE - BELOW_ORDER_ITEMS - {"staging.order_items"}
    assert broken.failed == {
        ("staging.order_items", "assert_at_least"): dg.AssetCheckSeverity.ERROR,
        ("staging.customers", "not_null_non_blocking"): dg.AssetCheckSeverity.WARN,
    }
    assert broken.status["marts.daily_revenue"] == "skipped"
    assert "shop.staging.order_items: Audits failed: assert_at_least" in broken.failure
