"""A run that is terminated: SQLMesh stops, what was finished stays, the next run does the rest."""

from __future__ import annotations

import gc
import json
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.outcome import Outcome, last_outcome
from e2e.shop import Shop, materialize, run_at
from e2e.waiting import PATIENCE, wait_until
from projects import model

pytestmark = pytest.mark.dagster

# A DuckDB query of hours, where `raw.numbers` is large. A Python model that sleeps while the file
# `hold` is there. Both write the file `begun`.
QUERY = """
MODEL (name work.slow, kind FULL, description 'reads work.first');
COPY (SELECT 1 AS begun) TO 'begun';
SELECT SUM(a.n * b.n + c.n * d.n) AS total
FROM work.first, raw.numbers a, raw.numbers b, raw.numbers c, raw.numbers d;
"""
SLEEP = """
import time
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.slow", kind="FULL", columns={"n": "int"}, depends_on={"shop.work.first"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    if Path("hold").exists():
        Path("begun").touch()
        time.sleep(3600)
    return pd.DataFrame({"n": [1]})
"""
FEW = "CREATE OR REPLACE TABLE raw.numbers AS SELECT range AS n FROM range(2);"
MANY = "CREATE OR REPLACE TABLE raw.numbers AS SELECT range AS n FROM range(100000);"
# A model that is evaluated meanwhile, and ends after the run was told to stop.
OTHER = SLEEP.replace("work.slow", "work.other").replace(', depends_on={"shop.work.first"}', "")
OTHER = OTHER.replace("begun", "other").replace(
    "time.sleep(3600)", 'while not Path("stopped").exists():\n            time.sleep(0.1)'
)
# However slow the machine is, a stopped run waits for a model that will end.
PATIENT = """
from dg_sqlmesh_codegen.runtime.worker import SQLMeshRun
SQLMeshRun.stop.__defaults__ = (3600.0,)
"""
MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def stuck(folder: Path, kind: str, tasks: int = 1) -> Shop:
    """Plan `first -> slow -> last`, with `slow` quick at the plan and endless afterwards.

    With several tasks, `other` is evaluated beside a query.
    """
    name, text = {"query": ("slow.sql", QUERY), "sleep": ("slow.py", SLEEP)}[kind]
    files = {
        "models/first.sql": model("work.first", "SELECT 1 AS id", kind="FULL"),
        f"models/{name}": text,
        "models/last.sql": model("work.last", "SELECT * FROM work.slow", kind="FULL"),
    }
    beside = kind == "query" and tasks > 1
    if beside:
        files["models/other.py"] = OTHER
    shop = workshop.make(folder, files, tasks=tasks, sql="CREATE SCHEMA raw;" + FEW)
    workshop.execute(shop, MANY)
    (folder / "hold").touch()
    if beside:
        with (shop.package / "definitions.py").open("a", encoding="utf-8") as definitions:
            definitions.write(PATIENT)
    return shop


@pytest.mark.process
@pytest.mark.usefixtures("dagster_home")
@pytest.mark.parametrize(
    ("kind", "tasks", "executor", "others"),
    [
        ("query", 1, "multiprocess", set()),
        ("query", 4, "multiprocess", {"work.other"}),
        # Nothing ends a Python model that sleeps; its process ends all the same.
        ("sleep", 4, "in_process", set()),
    ],
)
def test_a_terminated_run(
    workplace: Path, kind: str, tasks: int, executor: str, others: set[str]
) -> None:
    shop = stuck(workplace, kind, tasks)
    before = workshop.intervals(shop)
    config = {**run_at("2026-11-06"), "execution": {"config": {executor: {}}}}
    (workplace / "run.yaml").write_text(json.dumps(config), encoding="utf-8")
    asked = bool(others)  # the UI marks the run as canceling before it sends the signal
    with workshop.job(shop, workplace / "run.yaml") as process:
        wait_until((workplace / "begun").exists, "work.slow is evaluated")
        with dg.DagsterInstance.get() as instance:
            (active,) = instance.get_runs()
            if asked:
                instance.report_run_canceling(active)
                wait_until((workplace / "other").exists, "work.other is evaluated")
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: stops(instance, active), "the run says that it stops SQLMesh")
        (workplace / "stopped").touch()
        # The query would take hours, and so would the sleep.
        process.wait(PATIENCE)
    run, stopped = last_outcome()

    # For Dagster, a signal without a request to cancel is a failure.
    assert run.status.value == ("CANCELED" if asked else "FAILURE")
    assert set(stopped.materialized) == {"work.first"} | others
    assert set(stopped.status) == set(stopped.materialized)
    assert all(stopped.data_versions[name] for name in stopped.materialized)
    # No process of the run is left: DuckDB opens no file that another process has open.
    after = workshop.intervals(shop)
    assert after["work.first"] > before["work.first"]
    assert after["work.slow"] == before["work.slow"]

    (workplace / "hold").unlink()
    workshop.execute(shop, FEW)
    with dg.DagsterInstance.get() as instance:
        repaired = materialize(shop, instance=instance)

    assert repaired.failure == ""
    assert repaired.materialized == ["work.slow", "work.last"]


def stops(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    messages = Outcome.of(instance, run.run_id).messages
    return any("Stopping SQLMesh" in message for message in messages)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("kind", ["ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"])
def test_a_signal_while_dagster_writes_a_model(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, kind: str, written: bool
) -> None:
    """Dagster drops what it has not written yet of a model, and the op hears nothing of it."""
    audits = "(not_null(columns := (id)), unique_values(columns := (id)))"
    text = model("work.a", kind="FULL", audits=audits)
    shop = workshop.make(workplace, {"models/a.sql": text})
    workshop.retry_once(shop)
    handle: Callable[..., None] = dg.DagsterInstance.handle_new_event
    signals = iter([dg.DagsterExecutionInterruptedError])

    def interrupted(
        instance: dg.DagsterInstance, entry: dg.EventLogEntry, **options: object
    ) -> None:
        event = entry.dagster_event
        signal = next(signals, None) if event and event.event_type_value == kind else None
        if written or not signal:
            handle(instance, entry, **options)
        if signal:
            raise signal

    monkeypatch.setattr(dg.DagsterInstance, "handle_new_event", interrupted)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = materialize(shop, instance=instance)
        recorded = instance.all_logs(outcome.run_id, of_type=EVALUATED)

    assert next(signals, None) is None
    assert outcome.materialized == ["work.a"]
    assert outcome.data_versions["work.a"]
    assert outcome.passed == {("work.a", "not_null"), ("work.a", "unique_values")}
    assert outcome.status == {"work.a": "evaluated"}
    assert len(recorded) == 3  # and none twice
    assert (outcome.steps_started, outcome.retries) == (1, 0)


def test_where_dagster_cannot_write_sqlmesh_stops(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its storage goes away while it writes `first`, and `slow` would take hours."""
    shop = stuck(workplace, "query")
    handle: Callable[..., None] = dg.DagsterInstance.handle_new_event
    all_logs = dg.DagsterInstance.all_logs
    gone: list[str] = []

    def write(instance: dg.DagsterInstance, entry: dg.EventLogEntry, **options: object) -> None:
        if entry.dagster_event_type is MATERIALIZED:
            wait_until((workplace / "begun").exists, "work.slow is evaluated")
            gone.append("the storage")
        if gone:
            raise ConnectionError(gone[0])
        handle(instance, entry, **options)

    def read(instance: dg.DagsterInstance, run_id: str) -> Sequence[dg.EventLogEntry]:
        if gone:
            raise ConnectionError(gone[0])
        return all_logs(instance, run_id)

    before = workshop.intervals(shop)
    module = shop.definitions()
    with dg.DagsterInstance.ephemeral() as instance, monkeypatch.context() as patch:
        patch.setattr(dg.DagsterInstance, "handle_new_event", write)
        patch.setattr(dg.DagsterInstance, "all_logs", read)
        with pytest.raises(ConnectionError):
            dg.materialize(
                [module.sqlmesh_models],
                resources=module.defs.resources,
                run_config=run_at("2026-11-06"),
                instance=instance,
            )
    gc.collect()  # what Dagster has left of the op is closed, and finds nothing more to do
    assert "sqlmesh-run" not in {thread.name for thread in threading.enumerate()}
    assert workshop.intervals(shop)["work.slow"] == before["work.slow"]
