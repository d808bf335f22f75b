"""The generated job in processes of its own: default executor, persistent instance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.shop import BELOW_ORDER_ITEMS, DUE, Shop, run_at

pytestmark = pytest.mark.process


@pytest.fixture
def dagster_home(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance with the example's dagster.yaml."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        (root / "generated_example" / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


def execute(shop: Shop, time: str) -> Outcome:
    """Run `dagster job execute` and read back what the instance recorded."""
    config = shop.folder / "run.yaml"
    config.write_text(json.dumps(run_at(time)), encoding="utf-8")
    dagster = str(Path(sys.executable).parent / "dagster")
    module = f"{shop.package.name}.definitions"
    subprocess.run(
        [dagster, "job", "execute", "-m", module, "-j", "sqlmesh_job", "-c", str(config)],
        cwd=shop.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        entries = instance.all_logs(run.run_id)
        outcome = Outcome.of(entry.dagster_event for entry in entries if entry.dagster_event)
        outcome.messages = [entry.user_message for entry in entries]
        outcome.tags = dict(run.tags)
    return outcome


def sqlmesh_runs(outcome: Outcome) -> int:
    return sum("SQLMesh evaluates" in message for message in outcome.messages)


@pytest.mark.usefixtures("dagster_home")
def test_one_sqlmesh_run_before_and_after_the_data_broke(shop: Shop) -> None:
    good = execute(shop, "2026-11-06")

    assert good.failure == ""
    assert sqlmesh_runs(good) == good.steps_started == 1
    assert set(good.materialized) == DUE
    assert good.failed == {}
    assert good.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"

    shop.load_sources("--break")
    broken = execute(shop, "2026-11-07")

    assert sqlmesh_runs(broken) == broken.steps_started == 1
    assert set(broken.materialized) == DUE - BELOW_ORDER_ITEMS - {"staging.order_items"}
    assert broken.failed == {
        ("staging.order_items", "assert_at_least"): dg.AssetCheckSeverity.ERROR,
        ("staging.customers", "not_null_non_blocking"): dg.AssetCheckSeverity.WARN,
    }
    assert broken.status["marts.daily_revenue"] == "skipped"
    assert "shop.staging.order_items: Audits failed: assert_at_least" in broken.failure
