"""Runs that are asked for while another is active, on the limits of the example's dagster.yaml."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from e2e.server.depot import MODELS, Depot, day
from e2e.server.installation import IN_PROCESS, Installation, midnight

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


def test_two_runs_at_once_and_fifty_ticks(installation: Installation, depot: Depot) -> None:
    with depot.closed("staging.orders"), ThreadPoolExecutor(8) as people:
        launched = [people.submit(installation.launch, config=IN_PROCESS) for _ in range(2)]
        runs = [each.result() for each in launched]
        depot.wait_for_gate("staging.orders")
        statuses = {run_id: installation.status(run_id) for run_id in runs}
        ticks = list(people.map(installation.test_tick, [midnight(day(0))] * 50))
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
        status = installation.status(run_id)
        tick = installation.test_tick(midnight(day(0)))
    finally:
        installation.start_daemon()

    assert status is dg.DagsterRunStatus.QUEUED
    assert f"{run_id} (queued for 0 min)" in str(tick["skipReason"])
    assert tick["runRequests"] == []
    assert sorted(installation.wait_for(run_id).materialized) == sorted(MODELS)
