"""A warehouse, SQLMesh's state and Dagster's storage on PostgreSQL; runs by daemon and by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import ScheduleInstigatorData

from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import ASSET_JOB, IN_PROCESS, SCHEDULE, Installation, key
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


@pytest.fixture
def missed_tick(installation: Installation) -> Iterator[None]:
    """The schedule is on since two days ago, and the daemon, that was down, is started again.

    It makes up for the last tick at once, without waiting for midnight.
    """
    installation.processes.stop("daemon")
    try:
        installation.start_schedule()
        (state,) = installation.instance.all_instigator_state()
        assert isinstance(state.instigator_data, ScheduleInstigatorData)
        cron = state.instigator_data.cron_schedule
        earlier = time.time() - timedelta(days=2).total_seconds()
        installation.instance.update_instigator_state(
            state.with_data(ScheduleInstigatorData(cron, start_timestamp=earlier))
        )
    finally:
        installation.start_daemon()
    yield
    installation.stop_schedule()


@pytest.mark.usefixtures("missed_tick")
def test_the_daemon_runs_what_is_due(installation: Installation, depot: Depot) -> None:
    of_schedule = dg.RunsFilter(tags={"dagster/schedule_name": SCHEDULE})

    def launched() -> Sequence[dg.DagsterRun]:
        installation.require_no_bad_tick()
        return installation.instance.get_runs(filters=of_schedule)

    (run,) = wait_until(launched, "a run of the schedule")
    outcome = installation.wait_for(run.run_id)

    assert run.asset_selection == {key(model) for model in MODELS}
    assert sorted(outcome.materialized) == sorted(MODELS)
    assert outcome.failed == {}
    depot.require_complete(day(0))


def test_one_asset_by_hand(installation: Installation, depot: Depot) -> None:
    run_id = installation.launch(ASSET_JOB, assets=["staging.orders"])
    outcome = installation.wait_for(run_id)

    assert outcome.materialized == ["staging.orders"]
    assert outcome.status == {"staging.orders": "evaluated"}
    assert outcome.metadata["staging.orders"]["sqlmesh/batches"] == PLANNED
    assert depot.missing(day(0)) == MODELS - {"staging.orders"}
    assert set(depot.wrong_rows(day(0))) == {"marts.daily_revenue", "marts.last_orders"}


def test_a_subset_in_process(installation: Installation, depot: Depot) -> None:
    chosen = ["staging.orders", "marts.daily_revenue"]
    run_id = installation.launch(ASSET_JOB, assets=chosen, config=IN_PROCESS)
    outcome = installation.wait_for(run_id)

    assert outcome.materialized == chosen
    assert outcome.steps_started == 1
    assert depot.missing(day(0)) == MODELS - set(chosen)
    assert set(depot.wrong_rows(day(0))) == {"marts.last_orders"}


def test_reexecution_runs_what_the_failed_run_left(
    installation: Installation, depot: Depot
) -> None:
    depot.execute("UPDATE raw.customers SET name = NULL WHERE customer_id = 2")
    failed = installation.launch(config=IN_PROCESS)
    first = installation.wait_for(failed, status="FAILURE")

    left = {"staging.customers", "marts.customer_tiers"}
    assert set(first.materialized) == MODELS - left
    assert first.failed == {("staging.customers", "not_null"): dg.AssetCheckSeverity.ERROR}
    assert first.status["marts.customer_tiers"] == "skipped"
    assert depot.missing(day(0)) == left

    depot.execute("UPDATE raw.customers SET name = 'mended' WHERE customer_id = 2")
    again = installation.wait_for(installation.reexecute(failed, "FROM_ASSET_FAILURE"))

    assert set(again.materialized) == left
    depot.require_complete(day(0))
