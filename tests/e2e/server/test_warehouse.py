"""Runs by daemon and by hand on PostgreSQL, other assets beside them, a warehouse that stops."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import ScheduleInstigatorData

from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import ASSET_JOB, IN_PROCESS, MULTIPROCESS, SCHEDULE, Installation
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("installation")]


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

    assert {".".join(key.path[1:]) for key in run.asset_selection or ()} == MODELS
    assert sorted(outcome.materialized) == sorted(MODELS)
    assert outcome.failed == {}
    # A FULL model: PostgreSQL reports rows, and the asset's page shows them.
    customers = depot.query("SELECT COUNT(*) FROM raw.customers")
    assert [(outcome.metadata["staging.customers"]["dagster/row_count"],)] == customers
    # Its host is the folder of a socket.
    assert "dagster/uri" not in outcome.metadata["staging.customers"]
    depot.require_complete(day(0))


@pytest.mark.parametrize("config", [MULTIPROCESS, IN_PROCESS])
def test_some_assets_by_hand(
    installation: Installation, depot: Depot, config: Mapping[str, object]
) -> None:
    chosen = ["staging.orders", "marts.daily_revenue"]
    run_id = installation.launch(ASSET_JOB, assets=chosen, config=config)
    outcome = installation.wait_for(run_id)

    assert outcome.materialized == chosen
    assert outcome.steps_started == 1
    assert outcome.status == dict.fromkeys(chosen, "evaluated")
    assert outcome.metadata["staging.orders"]["sqlmesh/batches"] == PLANNED
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


def test_the_warehouse_goes_away_and_comes_back(installation: Installation, depot: Depot) -> None:
    chosen = [*MODELS, "enriched.report"]

    def events(kind: dg.DagsterEventType) -> int:
        return len(installation.instance.all_logs(run_id, of_type=kind))

    with depot.closed("marts.daily_revenue", "marts.last_orders"):
        run_id = installation.launch(ASSET_JOB, assets=chosen)
        wait_until(
            lambda: "staging.orders" in installation.outcome(run_id).materialized, "one model"
        )
        depot.postgres.stop()
    try:
        wait_until(lambda: events(dg.DagsterEventType.STEP_RESTARTED), "another attempt")
    finally:
        depot.postgres.start()
    outcome = installation.wait_for(run_id)

    assert sorted(outcome.materialized) == sorted(chosen)
    assert events(dg.DagsterEventType.STEP_UP_FOR_RETRY) >= 1
    days = (day(0) - depot.started).days
    assert depot.query("SELECT days FROM enriched.report") == [(days,)]
    depot.require_complete(day(0))


def test_two_runs_at_once_and_fifty_ticks(installation: Installation, depot: Depot) -> None:
    with depot.closed("staging.orders"), ThreadPoolExecutor(8) as people:
        launched = [people.submit(installation.launch, config=IN_PROCESS) for _ in range(2)]
        runs = [each.result() for each in launched]
        depot.wait_for_gate("staging.orders")
        statuses = {run_id: installation.status(run_id) for run_id in runs}
        ticks = list(people.map(lambda _: installation.test_tick(), range(50)))
    (first,) = [run_id for run_id in runs if statuses[run_id] is dg.DagsterRunStatus.STARTED]
    (second,) = [run_id for run_id in runs if statuses[run_id] is dg.DagsterRunStatus.QUEUED]
    outcomes = [installation.wait_for(run_id) for run_id in (first, second)]

    assert {str(tick["skipReason"]).split(": ")[0] for tick in ticks} == {
        "Another SQLMesh run is active"
    }
    assert not any(tick["runRequests"] or tick["error"] for tick in ticks)
    assert sorted(outcomes[0].materialized) == sorted(MODELS)
    assert outcomes[1].materialized == []
    assert set(outcomes[1].status.values()) == {"not due"}
    one, other = (installation.instance.get_run_record_by_id(run_id) for run_id in (first, second))
    assert one is not None
    assert other is not None
    assert (one.end_time or 0) <= (other.start_time or 0)
    depot.require_complete(day(0))


def test_a_tick_while_a_run_is_in_the_queue(installation: Installation) -> None:
    installation.processes.stop("daemon")  # nothing dequeues the run
    try:
        run_id = installation.launch(config=IN_PROCESS)
        tick = installation.test_tick()
    finally:
        installation.start_daemon()

    assert f"{run_id} (queued for 0 min)" in str(tick["skipReason"])
    assert tick["runRequests"] == []
    installation.wait_for(run_id)
