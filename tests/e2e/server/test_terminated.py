"""Runs that are told to stop leave no process and no query; the next run does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psutil
import pytest

from e2e.server.depot import MODELS, Depot, day
from e2e.server.installation import IN_PROCESS, MULTIPROCESS, Installation
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("installation")]


def terminate(installation: Installation, run_id: str) -> None:
    """Press "Terminate" in the UI."""
    installation.terminate(run_id)


def send_sigterm(installation: Installation, run_id: str) -> None:
    """Do as the host does when it shuts down."""
    installation.worker(run_id).terminate()


@pytest.mark.parametrize(
    ("stop", "executor", "status"),
    [
        pytest.param(terminate, MULTIPROCESS, "CANCELED", id="terminate, multiprocess"),
        # For Dagster, a signal without a request to cancel is a failure.
        pytest.param(send_sigterm, IN_PROCESS, "FAILURE", id="SIGTERM, in process"),
    ],
)
def test_a_run_is_stopped_in_a_query(
    installation: Installation,
    depot: Depot,
    stop: Callable[[Installation, str], None],
    executor: Mapping[str, object],
    status: str,
) -> None:
    with depot.closed("staging.orders"):
        run_id = installation.launch(config=executor)
        depot.wait_for_gate("staging.orders")
        whole = MODELS - depot.missing(day(0))
        wait_until(lambda: whole == set(installation.outcome(run_id).materialized), "its events")
        worker = installation.worker(run_id)
        processes = [worker, *worker.children(recursive=True)]
        stop(installation, run_id)
        stopped = installation.wait_for(run_id, status=status)
        # The gate is still closed: only a cancellation ends the query.
        wait_until(lambda: depot.busy() == [], "no query of the run is left")
        psutil.wait_procs(processes, timeout=60)
        assert [each for each in processes if each.is_running()] == []
    assert set(stopped.materialized) == whole
    assert depot.missing(day(0)) == MODELS - whole

    again = installation.wait_for(installation.launch(config=IN_PROCESS))
    assert set(again.materialized) == MODELS - whole
    depot.require_complete(day(0))
