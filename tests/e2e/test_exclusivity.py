"""One SQLMesh run at a time: the lock file between real runs, and what an instance has to limit."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import Shop, run_at
from projects import model

pytestmark = pytest.mark.dagster

# Says that it has begun, and goes on when it is told to.
WAITS = """
import time
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.waits", kind="FULL", columns={{"n": "int"}})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    Path({begun!r}).touch()
    while not Path({go!r}).exists():
        time.sleep(0.1)
    return pd.DataFrame({{"n": [1]}})
"""
PATIENCE = 240.0
ELSEWHERE = {"run_launcher": {"module": "e2e.launchers", "class": "ElsewhereRunLauncher"}}


@pytest.fixture
def waiting(workplace: Path) -> Shop:
    """A project whose one model waits for the file `go`, and writes `begun`."""
    begun, go = workplace / "begun", workplace / "go"
    go.touch()
    text = WAITS.format(begun=str(begun), go=str(go))
    shop = workshop.make(workplace, {"models/waits.py": text})
    workshop.retry_once(shop)
    begun.unlink()
    go.unlink()
    return shop


@pytest.fixture
def quick(workplace: Path) -> Shop:
    """A project of one model."""
    shop = workshop.make(workplace, {"models/a.sql": model("work.a", kind="FULL")})
    workshop.retry_once(shop)
    return shop


def wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.1)


def resource(shop: Shop, **fields: object) -> SQLMeshResource:
    return SQLMeshResource.model_validate({"project_dir": str(shop.project), **fields})


@contextmanager
def running(shop: Shop) -> Iterator[list[Outcome]]:
    """Run the models in a thread; when the context closes they are told to go on, and awaited."""
    outcomes: list[Outcome] = []
    shop.definitions()
    thread = threading.Thread(
        target=lambda: outcomes.append(workshop.materialize(shop, "2026-11-06"))
    )
    thread.start()
    wait_for(shop.folder / "begun")
    yield outcomes
    (shop.folder / "go").touch()
    thread.join(PATIENCE)


def test_two_runs_in_one_process(waiting: Shop) -> None:
    with running(waiting) as first:
        second = workshop.materialize(waiting, "2026-11-06", resource(waiting, lock_timeout=1))
    (done,) = first

    assert done.materialized == ["work.waits"]
    assert second.materialized == []
    assert any("Waits for run " in message for message in second.messages)
    # It says which run, and that later it may work.
    assert "after 1 seconds of waiting it is still run " in second.failure
    assert "`lock_timeout`" in second.failure
    assert second.retries == 1


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "dagster_home"
    folder.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.get():
        pass  # its tables are made before several processes ask for them at once


@pytest.mark.usefixtures("home")
def test_two_checkouts_on_one_state(waiting: Shop) -> None:
    """Three runs in processes of their own: one works, one waits its turn, one is told to go."""
    other = Shop(waiting.folder / "other")
    shutil.copytree(waiting.project, other.project)
    shutil.copytree(waiting.package, other.folder / waiting.package.name)
    config = waiting.folder / "run.yaml"
    config.write_text(json.dumps(run_at("2026-11-06")), encoding="utf-8")

    with (
        workshop.job(waiting, config) as works,
        workshop.job(other, config) as waits,
    ):
        wait_for(waiting.folder / "begun")
        with workshop.job(other, config) as told:
            waiting_runs = runs_that_wait(2)
            told.send_signal(signal.SIGTERM)
            told.wait(PATIENCE)
        (waiting.folder / "go").touch()
        assert works.wait(PATIENCE) == 0
        assert waits.wait(PATIENCE) == 0

    with dg.DagsterInstance.get() as instance:
        runs = {run.run_id: run.status for run in instance.get_runs()}
        (holder,) = set(runs) - waiting_runs
        texts = [e.user_message for e in instance.all_logs(next(iter(waiting_runs)))]
    assert any(f"Waits for run {holder} (process " in text for text in texts)
    assert sorted(status.value for status in runs.values()) == ["FAILURE", "SUCCESS", "SUCCESS"]
    assert workshop.intervals(waiting)["work.waits"] == 2


def runs_that_wait(count: int) -> set[str]:
    """Wait until so many runs say that they wait, and return their ids."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with dg.DagsterInstance.get() as instance:
            found = {
                run.run_id
                for run in instance.get_runs()
                if any("Waits for run" in e.user_message for e in instance.all_logs(run.run_id))
            }
        if len(found) == count:
            return found
        time.sleep(0.5)
    pytest.fail("the runs never waited")


def test_a_lock_that_cannot_be_made(quick: Shop) -> None:
    in_the_way = quick.folder / "file"
    in_the_way.write_text("no folder", encoding="utf-8")
    unusable = {"lock_dir": str(in_the_way / "locks")}

    required = workshop.materialize(quick, "2026-11-06", resource(quick, **unusable))
    assert required.materialized == []
    assert "The lock that keeps two SQLMesh runs apart cannot be used" in required.failure
    assert "`lock_dir`" in required.failure
    assert required.retries == 0

    warned = workshop.materialize(
        quick, "2026-11-06", resource(quick, **unusable, exclusivity="warn")
    )
    assert warned.materialized == ["work.a"]
    assert any("runs apart cannot be used" in message for message in warned.messages)

    off = workshop.materialize(quick, "2026-11-07", resource(quick, **unusable, exclusivity="off"))
    assert off.materialized == ["work.a"]
    assert not any("runs apart" in message for message in off.messages)


def test_a_value_that_is_none_of_exclusivity(quick: Shop) -> None:
    outcome = workshop.materialize(quick, "2026-11-06", resource(quick, exclusivity="maybe"))

    assert "is 'maybe'. Use one of 'require', 'warn', 'off'" in outcome.failure
    assert outcome.materialized == []


@pytest.mark.parametrize(
    ("limits", "exclusivity", "runs"),
    [
        ({}, "require", False),
        ({}, "warn", True),
        ({}, "off", True),
        ({"pools": {"default_limit": 1}}, "require", True),
        ({"pools": {"default_limit": 1, "granularity": "op"}}, "require", True),
        ({"pools": {"default_limit": 2}}, "require", False),
        # These only the queue obeys, and this run did not come through it.
        ({"pools": {"default_limit": 1, "granularity": "run"}}, "require", False),
        ({"runs": {"max_concurrent_runs": 1}}, "require", False),
    ],
    ids=str,
)
def test_where_runs_may_land_on_several_hosts(
    quick: Shop, limits: dict[str, object], exclusivity: str, runs: bool
) -> None:
    with dg.instance_for_test(overrides={**ELSEWHERE, "concurrency": limits}) as instance:
        outcome = workshop.materialize(
            quick, "2026-11-06", resource(quick, exclusivity=exclusivity), instance=instance
        )

    assert outcome.materialized == (["work.a"] if runs else [])
    said = any("nothing keeps them apart" in message for message in outcome.messages)
    assert said == (exclusivity == "warn")
    if not runs:
        assert "ElsewhereRunLauncher" in outcome.failure
        assert (
            "concurrency:\n  pools:\n    granularity: op\n    default_limit: 1" in outcome.failure
        )
        assert outcome.retries == 0
