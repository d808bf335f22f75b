"""Twenty runs that are killed at random moments, and one that is not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import write_instance
from e2e.server.killing import Jobs, kill_at_random
from e2e.server.postgres import Postgres
from e2e.shop import run_at

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("depot")]

KILLS = 20
SEED = 20261122


@pytest.fixture
def jobs(
    depot: Depot,
    storage_server: Postgres,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Jobs:
    """The jobs of the depot's package, on an instance of their own."""
    home = tmp_path / "home"
    storage = storage_server.url(storage_server.new_database())
    write_instance(home, root / "generated_example", storage)
    monkeypatch.syspath_prepend(str(depot.project.parent))
    return Jobs(home, "defs")


def run(jobs: Jobs, time_of_run: date, kill_after: float | None = None) -> float:
    """Run the models; return the seconds it took, or 0 if the process had to be killed."""
    return jobs.run("sqlmesh_job", run_at(str(time_of_run)), kill_after)


def reported(jobs: Jobs) -> dict[str, list[tuple[str, str]]]:
    """Return the intervals of all evaluations, by model, in order of time."""
    found: dict[str, list[tuple[str, str]]] = {model: [] for model in MODELS}
    with dg.DagsterInstance.from_config(str(jobs.home)) as instance:
        outcomes = [Outcome.of(instance, each.run_id) for each in instance.get_runs()]
    for outcome in outcomes:
        for model, metadata in outcome.metadata.items():
            intervals = metadata["sqlmesh/intervals"]
            assert isinstance(intervals, list)
            found[model] += [(start, end) for start, end in intervals]
    return {model: sorted(intervals) for model, intervals in found.items()}


def test_no_interval_is_lost_or_counted_twice(jobs: Jobs, depot: Depot) -> None:
    run(jobs, day(PLANNED - 1))  # the first run also makes what later ones find
    whole = run(jobs, day(PLANNED - 2))
    days = (day(PLANNED - 3 - number) for number in count())

    def run_next_day(kill_after: float) -> float:
        return run(jobs, next(days), kill_after)

    kill_at_random(run_next_day, whole, kills=KILLS, seed=SEED)
    last = next(days)
    assert run(jobs, last)

    depot.require_complete(last)
    for model, intervals in reported(jobs).items():
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
