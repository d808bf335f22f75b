"""The real daemon: schedules of two jobs tick in one minute, and each model runs once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from e2e import workshop
from e2e.server.processes import Processes
from e2e.waiting import wait_until
from projects import model

pytestmark = pytest.mark.server

# The first run holds the state in it until the schedules of both jobs have ticked.
SHARED = """
import time
import pandas as pd
from pathlib import Path
from sqlmesh import ExecutionContext, model

@model("work.shared", kind="FULL", columns={"id": "int"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    while Path("hold").exists():
        time.sleep(0.1)
    return pd.DataFrame({"id": [1]})
"""
FILES = {
    "models/shared.py": SHARED,
    "models/first.sql": model("work.first", "SELECT id FROM work.shared", kind="FULL"),
    "models/second.sql": model("work.second", "SELECT id FROM work.shared", kind="FULL"),
}
JOBS = (
    '[{name = "first", select = "work.first | work.shared", cron = "* * * * *"}, '
    '{name = "second", select = "work.second | work.shared", cron = "* * * * *"}]'
)
KEYS = {name: dg.AssetKey(["shop", "work", name]) for name in ("first", "second", "shared")}
STEP = (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS)
LIMITED = "concurrency: {pools: {default_limit: 1, granularity: op}}\ntelemetry: {enabled: false}\n"


def test_two_jobs_that_share_a_model(
    workplace: Path, dagster_home: Path, processes: Processes
) -> None:
    (dagster_home / "dagster.yaml").write_text(LIMITED, encoding="utf-8")
    shop = workshop.make(workplace, FILES)
    arguments = ["--set", f"jobs={JOBS}", "--set", "schedule_status=RUNNING", "--quiet"]
    assert main([str(shop.project), "-o", str(shop.package), *arguments]) == 0
    hold = workplace / "hold"
    hold.touch()
    processes.start_daemon("-m", f"{shop.package.name}.definitions")
    with dg.DagsterInstance.get() as instance:

        def runs(*statuses: dg.DagsterRunStatus) -> list[dg.RunRecord]:
            processes.require("daemon")
            filters = dg.RunsFilter(statuses=[*statuses] or None)
            return [*instance.get_run_records(filters, ascending=True)]

        wait_until(lambda: len(runs()) > 1, "both jobs have a run")
        assert runs(dg.DagsterRunStatus.SUCCESS) == []
        hold.unlink()
        wait_until(lambda: len(runs(dg.DagsterRunStatus.SUCCESS)) > 1, "both runs end")
        made = [each.dagster_run for each in runs(dg.DagsterRunStatus.SUCCESS)]
        steps = sorted(step(instance, each) for each in made)
        materialized = {
            name: len(instance.fetch_materializations(key, limit=10).records)
            for name, key in KEYS.items()
        }
    assert sorted(each.job_name for each in made) == ["first", "second"]
    selected = [key for each in made for key in each.asset_selection or ()]
    assert sorted(selected) == sorted(KEYS.values())
    assert materialized == dict.fromkeys(KEYS, 1)
    assert steps[0][1] <= steps[1][0]


def step(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[float, float]:
    """Return when the only step of a run began and ended."""
    events = [entry for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    began, ended = (
        entry.timestamp for entry in events if entry.get_dagster_event().event_type in STEP
    )
    return began, ended
