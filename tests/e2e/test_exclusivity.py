"""One SQLMesh run at a time: the lock file between real runs, and what an instance has to limit."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import DefaultRunLauncher

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import Shop, materialize, run_at
from e2e.waiting import PATIENCE, wait_until
from projects import model

pytestmark = pytest.mark.dagster

# Where the file `hold` is, it says that it has begun, and goes on when the file is gone.
WAITS = """
import os
import time
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.waits", kind="FULL", columns={"n": "int"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    hold = Path(os.environ["SHOP_DATABASE"]).with_name("hold")
    if hold.exists():
        hold.with_name("begun").touch()
    while hold.exists():
        time.sleep(0.1)
    return pd.DataFrame({"n": [1]})
"""
ELSEWHERE = {"run_launcher": {"module": __name__, "class": "ElsewhereRunLauncher"}}


class ElsewhereRunLauncher(DefaultRunLauncher):
    """Launches nothing; it is not one of Dagster's own, so it could launch on any host."""


@pytest.fixture
def waiting(workplace: Path) -> Shop:
    """A project whose one model waits until the file `hold` is gone, and writes `begun`."""
    shop = workshop.make(workplace, {"models/waits.py": WAITS})
    workshop.retry_once(shop)
    (workplace / "hold").touch()
    return shop


@pytest.fixture
def quick(workplace: Path) -> Shop:
    """A project of one model."""
    shop = workshop.make(workplace, {"models/a.sql": model("work.a", kind="FULL")})
    workshop.retry_once(shop)
    return shop


def resource(shop: Shop, **fields: object) -> SQLMeshResource:
    return SQLMeshResource.model_validate({"project_dir": str(shop.project), **fields})


@contextmanager
def running(shop: Shop) -> Iterator[list[Outcome]]:
    """Run the models in a thread until the context closes; then let them go on, and wait."""
    outcomes: list[Outcome] = []
    shop.definitions()
    thread = threading.Thread(target=lambda: outcomes.append(materialize(shop)))
    thread.start()
    wait_until((shop.folder / "begun").exists, "the model is evaluated")
    yield outcomes
    (shop.folder / "hold").unlink()
    thread.join(PATIENCE)


def test_two_runs_in_one_process(waiting: Shop) -> None:
    with running(waiting) as first:
        second = materialize(waiting, resource=resource(waiting, lock_timeout=1))
    (done,) = first

    assert done.materialized == ["work.waits"]
    assert second.materialized == []
    assert any("Waiting for run " in message for message in second.messages)
    # It says which run, and that later it may work.
    assert "waited 1 seconds for run " in second.failure
    assert "`lock_timeout`" in second.failure
    assert second.retries == 1


@pytest.mark.process
@pytest.mark.usefixtures("dagster_home")
def test_two_checkouts_on_one_state(waiting: Shop) -> None:
    """Two runs in two processes: one works, and the other waits for it."""
    other = Shop(waiting.folder / "other")
    shutil.copytree(waiting.project, other.project)
    shutil.copytree(waiting.package, other.folder / waiting.package.name)
    config = waiting.folder / "run.yaml"
    config.write_text(json.dumps(run_at("2026-11-06")), encoding="utf-8")

    with dg.DagsterInstance.get() as instance, workshop.job(waiting, config) as works:
        wait_until((waiting.folder / "begun").exists, "the model is evaluated")
        (holder,) = instance.get_runs()
        with workshop.job(other, config) as waits:
            said = f"Waiting for run {holder.run_id} (process "
            wait_until(lambda: said in last_messages(instance), "the second run waits")
            (waiting.folder / "hold").unlink()
            assert works.wait(PATIENCE) == 0
            assert waits.wait(PATIENCE) == 0
    assert workshop.intervals(waiting)["work.waits"] == 2


def last_messages(instance: dg.DagsterInstance) -> str:
    (run,) = instance.get_runs(limit=1)
    return "\n".join(Outcome.of(instance, run.run_id).messages)


def test_a_lock_that_cannot_be_made_or_a_wrong_value(quick: Shop) -> None:
    in_the_way = quick.folder / "file"
    in_the_way.write_text("no folder", encoding="utf-8")
    unusable = {"lock_dir": str(in_the_way / "locks")}

    wrong = materialize(quick, resource=resource(quick, exclusivity="maybe"))
    assert wrong.materialized == []
    assert "is 'maybe'. Use one of 'require', 'warn', 'off'" in wrong.failure

    required = materialize(quick, resource=resource(quick, **unusable))
    assert required.materialized == []
    assert "The lock file that prevents two SQLMesh runs at once cannot be used" in required.failure
    assert "`lock_dir`" in required.failure
    assert required.retries == 0

    warned = materialize(quick, resource=resource(quick, **unusable, exclusivity="warn"))
    assert warned.materialized == ["work.a"]
    assert any("runs at once cannot be used" in message for message in warned.messages)

    unlocked = resource(quick, **unusable, exclusivity="off")
    off = materialize(quick, "2026-11-07", resource=unlocked)
    assert off.materialized == ["work.a"]
    assert not any("runs at once" in message for message in off.messages)


@pytest.mark.parametrize(
    ("limits", "exclusivity", "runs"),
    [
        ({}, "require", False),
        ({}, "warn", True),
        ({"pools": {"default_limit": 1, "granularity": "op"}}, "require", True),
        # This only the queue obeys, and this run did not come through it.
        ({"pools": {"default_limit": 1, "granularity": "run"}}, "require", False),
    ],
    ids=str,
)
def test_where_runs_may_land_on_several_hosts(
    quick: Shop, limits: dict[str, object], exclusivity: str, runs: bool
) -> None:
    with dg.instance_for_test(overrides={**ELSEWHERE, "concurrency": limits}) as instance:
        outcome = materialize(
            quick, resource=resource(quick, exclusivity=exclusivity), instance=instance
        )

    assert outcome.materialized == (["work.a"] if runs else [])
    said = any("nothing prevents them" in message for message in outcome.messages)
    assert said == (exclusivity == "warn")
    if not runs:
        assert "ElsewhereRunLauncher" in outcome.failure
        assert (
            "concurrency:\n  pools:\n    granularity: op\n    default_limit: 1" in outcome.failure
        )
        assert outcome.retries == 0
