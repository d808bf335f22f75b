"""A run that is terminated: SQLMesh stops, what was finished stays, the next run does the rest."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.shop import Shop, run_at
from projects import model

pytestmark = pytest.mark.slow

# A DuckDB query of hours. A python model in the middle of a call that hears nothing, until the
# file `quick` lies there. Both say that they have begun.
QUERY = """
MODEL (name work.slow, kind FULL, description 'reads work.first');
COPY (SELECT 1 AS begun) TO '{begun}';
SELECT SUM(a.n * b.n + c.n * d.n) AS total
FROM work.first, raw.numbers a, raw.numbers b, raw.numbers c, raw.numbers d;
"""
SLEEP = """
import time
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.slow", kind="FULL", columns={{"n": "int"}}, depends_on={{"shop.work.first"}})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    if not Path({quick!r}).exists():
        Path({begun!r}).touch()
        time.sleep(3600)
    return pd.DataFrame({{"n": [1]}})
"""
FEW = "CREATE OR REPLACE TABLE raw.numbers AS SELECT range AS n FROM range(2);"
MANY = "CREATE OR REPLACE TABLE raw.numbers AS SELECT range AS n FROM range(100000);"
# How long a test waits for what is to happen soon; nothing depends on how soon.
PATIENCE = 240.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dagster_home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def stuck(folder: Path, kind: str, tasks: int) -> Shop:
    """Plan `first -> slow -> last`, with `slow` quick at the plan and endless afterwards."""
    names = {"begun": str(folder / "begun"), "quick": str(folder / "quick")}
    (folder / "quick").touch()
    slow = {"query": ("slow.sql", QUERY), "sleep": ("slow.py", SLEEP)}[kind]
    files = {
        "models/first.sql": model("work.first", "SELECT 1 AS id", kind="FULL"),
        f"models/{slow[0]}": slow[1].format(**names),
        "models/last.sql": model("work.last", "SELECT * FROM work.slow", kind="FULL"),
    }
    shop = workshop.make(folder, files, tasks=tasks, sql="CREATE SCHEMA raw;" + FEW)
    (folder / "quick").unlink()
    workshop.execute(shop, MANY)
    (folder / "begun").unlink(missing_ok=True)
    return shop


def wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.2)


def config(shop: Shop, executor: str) -> Path:
    path = shop.folder / "run.yaml"
    execution: dict[str, object] = {"execution": {"config": {executor: {}}}}
    path.write_text(json.dumps({**run_at("2026-11-06"), **execution}), encoding="utf-8")
    return path


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("kind", "tasks", "executor", "asked"),
    [
        ("query", 1, "multiprocess", False),
        ("query", 4, "multiprocess", True),
        ("sleep", 4, "multiprocess", True),
        ("sleep", 4, "in_process", False),
    ],
)
def test_a_terminated_run(
    tmp_path: Path, kind: str, tasks: int, executor: str, asked: bool
) -> None:
    """`asked`: as the UI and `dagster run cancel` do it, which is to say so before the signal."""
    shop = stuck(tmp_path, kind, tasks)
    before = workshop.intervals(shop)
    with workshop.job(shop, config(shop, executor)) as process:
        wait_for(tmp_path / "begun")
        if asked:
            with dg.DagsterInstance.get() as instance:
                instance.report_run_canceling(instance.get_runs(limit=1)[0])
        process.send_signal(signal.SIGTERM)
        # The query would take hours, and so would the sleep.
        process.wait(PATIENCE)
    run, stopped = workshop.last_outcome()

    # A signal that nobody asked for is a failure to Dagster.
    assert run.status.value == ("CANCELED" if asked else "FAILURE")
    assert stopped.materialized == ["work.first"]
    # Nothing of it is left: DuckDB lets nobody in while another process has the file.
    after = workshop.intervals(shop)
    assert after["work.first"] > before["work.first"]
    assert after["work.slow"] == before["work.slow"]

    (tmp_path / "quick").touch()
    workshop.execute(shop, FEW)
    with workshop.job(shop, config(shop, executor)) as again:
        assert again.wait(PATIENCE) == 0
    run, repaired = workshop.last_outcome()

    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert repaired.materialized == ["work.slow", "work.last"]
