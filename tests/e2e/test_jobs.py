"""Jobs of some of the models: launched by hand, and ticks of several schedules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.runtime.sqlmesh import due_models
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import Shop, materialize, run_at
from e2e.waiting import PATIENCE, wait_until
from projects import model

pytestmark = pytest.mark.dagster

MIDNIGHT = datetime(2026, 11, 6, tzinfo=UTC)
JOBS = """
[{name = "waiting", select = "work.waits", schedule = true},
 {name = "daily", select = ["work.a+"], cron = "30 5 * * *", timezone = "Europe/Berlin"}]
"""
WAITS = """
import time
import pandas as pd
from pathlib import Path
from sqlmesh import ExecutionContext, model

@model("work.waits", kind="FULL", columns={"n": "int"}, cron="@hourly")
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    if Path("hold").exists():
        Path("begun").touch()
    while Path("hold").exists():
        time.sleep(0.1)
    return pd.DataFrame({"n": [1]})
"""
FILES = {
    "models/waits.py": WAITS,
    "models/a.sql": model("work.a", kind="FULL"),
    "models/b.sql": model(
        "work.b", "SELECT id FROM work.a", kind="FULL", audits="(unique_values(columns := id))"
    ),
    "models/c.sql": model("work.c", kind="FULL"),
}


@pytest.fixture
def shop(workplace: Path) -> Shop:
    made = workshop.make(workplace, FILES)
    options = ["--set", f"jobs={JOBS.strip()}", "--quiet"]
    assert main([str(made.project), "-o", str(made.package), *options]) == 0
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def ticked(module: ModuleType, job: str, instance: dg.DagsterInstance) -> str:
    """Return the models that a tick of a job's schedule requests, or why it skips."""
    resources = module.defs.resources
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=MIDNIGHT, resources=resources
    ) as context:
        found = getattr(module, f"{job}_schedule")(context)
    if isinstance(found, dg.SkipReason):
        return str(found.skip_message)
    return " ".join(sorted(key.path[-1] for key in found.asset_selection))


@contextmanager
def running(shop: Shop) -> Iterator[None]:
    """Hold the state with a run of `waits`, which this instance knows nothing of."""
    hold = shop.folder / "hold"
    hold.touch()
    selection = dg.AssetSelection.assets(["shop", "work", "waits"])
    thread = threading.Thread(target=lambda: materialize(shop, selection=selection))
    thread.start()
    try:
        wait_until((shop.folder / "begun").exists, "the model is evaluated")
        yield
    finally:
        hold.unlink()
        thread.join(PATIENCE)


def test_the_jobs_of_a_package(shop: Shop, instance: dg.DagsterInstance) -> None:
    module = shop.definitions()
    schedules = {each.name: each for each in module.defs.schedules}
    jobs = {job.name for job in module.defs.jobs}

    assert jobs == {"waiting", "daily", "sqlmesh_sync_job"}
    assert {name: each.job_name for name, each in schedules.items()} == {
        "waiting_schedule": "waiting",
        "daily_schedule": "daily",
    }
    assert schedules["waiting_schedule"].cron_schedule == "0 * * * *"
    assert schedules["daily_schedule"].cron_schedule == "30 5 * * *"
    assert schedules["daily_schedule"].execution_timezone == "Europe/Berlin"
    assert ticked(module, "waiting", instance) == "waits"
    assert ticked(module, "daily", instance) == "a b"


def test_a_launch_of_a_whole_job(shop: Shop) -> None:
    """As in the UI: its models and their checks, and nothing else."""
    job = shop.definitions().defs.resolve_job_def("daily")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(run_config=run_at("2026-11-06"), instance=instance)
        outcome = Outcome.of(instance, result.run_id)

    assert outcome.materialized == ["work.a", "work.b"]
    assert ("work.b", "unique_values") in outcome.passed
    assert outcome.failure == ""


def test_a_tick_while_a_run_holds_the_state(shop: Shop, instance: dg.DagsterInstance) -> None:
    """DuckDB lets no second process in: what a tick of this process has read last is the answer."""
    module = shop.definitions()
    due_models._CACHE.clear()
    with running(shop):
        assert "is using SQLMesh's state: run " in ticked(module, "daily", instance)
    assert ticked(module, "daily", instance) == "a b"
    (shop.folder / "begun").unlink()
    workshop.execute(shop, "DELETE FROM sqlmesh._intervals WHERE name LIKE '%waits%'")
    with running(shop):
        assert ticked(module, "daily", instance) == "a b"


def test_without_jobs_nothing_changes(shop: Shop) -> None:
    """Of a package without jobs, only the modules of their models and the definitions differ."""
    jobs = {
        path.relative_to(shop.package): path.read_bytes() for path in shop.package.rglob("*.py")
    }
    assert main([str(shop.project), "-o", str(shop.package), "--quiet"]) == 0

    changed = {
        path.name for path, text in jobs.items() if (shop.package / path).read_bytes() != text
    }
    assert changed == {"a.py", "b.py", "definitions.py", "waits.py"}
    assert b"sqlmesh_adaptive_schedule" in (shop.package / "definitions.py").read_bytes()
