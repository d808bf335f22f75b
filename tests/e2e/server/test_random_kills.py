"""Twenty runs in a row that are killed at random moments, and one that is not."""

from __future__ import annotations

import importlib
import random
import signal
import time
from datetime import UTC, date, datetime
from multiprocessing import get_context

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import Installation
from e2e.shop import run_at

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]

KILLS = 20
SEED = 20261122
ATTEMPT = "attempt_for"
# A run is a process of its own; what takes seconds is imported once, in the server that forks it.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["dagster", "pytest", "dg_sqlmesh_codegen.runtime.sqlmesh.run"])


def run_models(home: str, time_of_run: str) -> None:
    """Run all models as `dagster job execute` does on the in-process executor."""
    definitions = importlib.import_module("defs.definitions").defs
    with dg.DagsterInstance.from_config(home) as instance:
        definitions.resolve_job_def("sqlmesh_job").execute_in_process(
            instance=instance,
            run_config=run_at(time_of_run),
            tags={ATTEMPT: time_of_run},
            raise_on_error=False,
        )


def run(installation: Installation, time_of_run: date, kill_after: float | None = None) -> float:
    """Run the models; return the seconds it took, or 0 if the process had to be killed."""
    process = FORKS.Process(target=run_models, args=(str(installation.home), str(time_of_run)))
    started = time.monotonic()
    process.start()
    process.join(kill_after)  # a random moment, not a wait for something
    process.kill()
    process.join()
    took = time.monotonic() - started
    for each in runs_of_this_test(installation.instance):
        if not each.is_finished:  # what the code server or the run monitoring would find out
            installation.instance.report_run_failed(each)
            installation.instance.event_log_storage.free_concurrency_slots_for_run(each.run_id)
    assert process.exitcode in (0, -signal.SIGKILL)
    return took if process.exitcode == 0 else 0


def runs_of_this_test(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return [run for run in instance.get_runs() if ATTEMPT in run.tags]


def reported(instance: dg.DagsterInstance) -> dict[str, list[tuple[str, str]]]:
    """Return the intervals of all evaluations by these runs, by model, in order of time."""
    found: dict[str, list[tuple[str, str]]] = {model: [] for model in MODELS}
    for run in runs_of_this_test(instance):
        outcome = Outcome.of(instance, run.run_id)
        for model, metadata in outcome.metadata.items():
            intervals = metadata["sqlmesh/intervals"]
            assert isinstance(intervals, list)
            found[model] += [(start, end) for start, end in intervals]
    return {model: sorted(intervals) for model, intervals in found.items()}


def test_no_interval_is_lost_or_counted_twice(
    installation: Installation, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(installation.folder))
    moments = random.Random(SEED)  # noqa: S311 - to be the same every time
    run(installation, day(PLANNED - 1))  # the first run also makes what later ones find
    whole = run(installation, day(PLANNED - 2))
    killed = 0
    for each in range(KILLS):
        took = run(installation, day(PLANNED - 3 - each), moments.uniform(0, whole))
        killed += not took
        whole = took or whole  # it takes less by now: other tests have ended
    last = day(PLANNED - 3 - KILLS)
    assert run(installation, last)

    assert killed > KILLS / 2
    depot.require_complete(last)
    for model, intervals in reported(installation.instance).items():
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
