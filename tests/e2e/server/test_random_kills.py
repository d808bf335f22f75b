"""Twenty runs in a row that are killed at random moments, and one that is not."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.forking_worker import ATTEMPT
from e2e.server.installation import Installation

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]

KILLS = 20
SEED = 20261122


@dataclass
class Worker:
    """The forking worker, of which a run can be awaited or killed."""

    process: subprocess.Popen[str]
    instance: dg.DagsterInstance

    def run(self, time_of_run: date) -> float:
        """Run the models to the end; return the seconds it took."""
        started = time.monotonic()
        self._start(time_of_run)
        assert self._read() == 0
        return time.monotonic() - started

    def kill(self, time_of_run: date, after: float) -> bool:
        """Run the models, and kill the process after so many seconds if it is still there."""
        child = self._start(time_of_run)
        time.sleep(after)  # a random moment, not a wait for something
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        code = self._read()
        for run in runs_of_this_test(self.instance):
            if not run.is_finished:  # what the code server or the run monitoring would find out
                self.instance.report_run_failed(run)
                self.instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        return code == -signal.SIGKILL

    def _start(self, time_of_run: date) -> int:
        assert self.process.stdin
        self.process.stdin.write(f"{time_of_run}\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())


@pytest.fixture
def worker(installation: Installation) -> Iterator[Worker]:
    tests = Path(__file__).parents[2]
    python_path = f"{installation.environment['PYTHONPATH']}{os.pathsep}{tests}"
    with (installation.folder / "forking_worker.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "e2e.server.forking_worker", str(installation.home)],
            cwd=installation.folder,
            env={**os.environ, **installation.environment, "PYTHONPATH": python_path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        yield Worker(process, installation.instance)


def runs_of_this_test(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return [run for run in instance.get_runs() if ATTEMPT in run.tags]


def reported(instance: dg.DagsterInstance) -> dict[str, list[tuple[str, str]]]:
    """Return the intervals of all materializations of these runs, by model, in order of time."""
    found: dict[str, list[tuple[str, str]]] = {model: [] for model in MODELS}
    for run in runs_of_this_test(instance):
        outcome = Outcome.of(instance, run.run_id)
        for model, metadata in outcome.metadata.items():
            # A materialization that makes up for a killed run's knows no intervals.
            assert ("sqlmesh/intervals" in metadata) != ("sqlmesh/evaluated_by_run" in metadata)
            intervals = metadata.get("sqlmesh/intervals", [])
            assert isinstance(intervals, list)
            found[model] += [(start, end) for start, end in intervals]
    return {model: sorted(intervals) for model, intervals in found.items()}


def test_no_interval_is_lost_or_counted_twice(worker: Worker, depot: Depot) -> None:
    moments = random.Random(SEED)  # noqa: S311 - to be the same every time
    worker.run(day(PLANNED - 1))  # the first run also makes what later ones find
    whole = worker.run(day(PLANNED - 2))
    killed = 0
    for each in range(KILLS):
        after = moments.uniform(0, whole)
        if worker.kill(day(PLANNED - 3 - each), after):
            killed += 1
        else:
            whole = after  # it takes less by now: other tests have ended
    last = day(PLANNED - 3 - KILLS)
    worker.run(last)

    assert killed > KILLS / 2
    depot.require_complete(last)
    for model, intervals in reported(worker.instance).items():
        # Those of the first two runs and of the last one, at least.
        assert len(intervals) >= 3, model
        assert intervals[0][0] >= midnight_of(depot.started), model
        assert intervals[-1][1] == midnight_of(last), model
        ends = [end for _, end in intervals]
        assert all(
            end <= start for end, (start, _) in zip(ends, intervals[1:], strict=False)
        ), model


def midnight_of(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
