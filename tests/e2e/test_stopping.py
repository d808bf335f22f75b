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
from collections.abc import Callable
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
OTHER = """
import time
from collections.abc import Callable
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.other", kind="FULL", columns={"n": "int"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    if Path("hold").exists():
        Path("other").touch()
        while not Path("stopped").exists():
            time.sleep(0.1)
    return pd.DataFrame({"n": [1]})
"""
MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def stuck(folder: Path, kind: str, tasks: int) -> Shop:
    """Plan `first -> slow -> last`, with `slow` quick at the plan and endless afterwards."""
    slow = {"query": ("slow.sql", QUERY), "sleep": ("slow.py", SLEEP)}[kind]
    files = {
        "models/first.sql": model("work.first", "SELECT 1 AS id", kind="FULL"),
        f"models/{slow[0]}": slow[1],
        "models/last.sql": model("work.last", "SELECT * FROM work.slow", kind="FULL"),
    }
    if tasks > 1:
        files["models/other.py"] = OTHER
    shop = workshop.make(folder, files, tasks=tasks, sql="CREATE SCHEMA raw;" + FEW)
    workshop.execute(shop, MANY)
    (folder / "hold").touch()
    return shop


def config(shop: Shop, executor: str) -> Path:
    path = shop.folder / "run.yaml"
    execution: dict[str, object] = {"execution": {"config": {executor: {}}}}
    path.write_text(json.dumps({**run_at("2026-11-06"), **execution}), encoding="utf-8")
    return path


@pytest.mark.process
@pytest.mark.usefixtures("dagster_home")
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
    workplace: Path, kind: str, tasks: int, executor: str, asked: bool
) -> None:
    """`asked`: the UI and `dagster run cancel` mark the run as canceling before the signal."""
    shop = stuck(workplace, kind, tasks)
    before = workshop.intervals(shop)
    with workshop.job(shop, config(shop, executor)) as process:
        wait_until((workplace / "begun").exists, "work.slow is evaluated")
        if asked:
            with dg.DagsterInstance.get() as instance:
                instance.report_run_canceling(instance.get_runs(limit=1)[0])
        if tasks > 1:
            wait_until((workplace / "other").exists, "work.other is evaluated")
        process.send_signal(signal.SIGTERM)
        with dg.DagsterInstance.get() as instance:
            (active,) = instance.get_runs()
            wait_until(lambda: stops(instance, active), "the run says that it stops SQLMesh")
        (workplace / "stopped").touch()
        # The query would take hours, and so would the sleep.
        process.wait(PATIENCE)
    run, stopped = last_outcome()

    # For Dagster, a signal without a request to cancel is a failure.
    assert run.status.value == ("CANCELED" if asked else "FAILURE")
    assert set(stopped.materialized) == {"work.first"} | ({"work.other"} if tasks > 1 else set())
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


def test_a_signal_when_sqlmesh_has_ended(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the rest is said: with a retry policy, Dagster would start SQLMesh again."""
    shop = workshop.make(workplace, {"models/a.sql": model("work.a", kind="FULL")})
    workshop.retry_once(shop)

    def interrupted(*_: object) -> dict[dg.AssetKey, str]:
        raise dg.DagsterExecutionInterruptedError

    monkeypatch.setattr("dg_sqlmesh_codegen.runtime.recovery.find_unreported", interrupted)
    outcome = materialize(shop)

    assert outcome.materialized == ["work.a"]
    assert outcome.retries == 0
    assert outcome.steps_started == 1


def test_where_dagster_cannot_write_sqlmesh_stops(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its storage goes away while it writes `first`, and `slow` would take hours."""
    shop = stuck(workplace, "query", 1)
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
