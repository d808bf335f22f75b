"""`kill -9` of a run's worker: what Dagster shows, what SQLMesh's state holds, what repairs it."""

from __future__ import annotations

import pytest

from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import IN_PROCESS, Installation
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


def test_in_the_middle_of_a_model(installation: Installation, depot: Depot) -> None:
    second_batch = f"staging.orders {day(2)}"
    with depot.closed(second_batch):
        run_id = installation.launch(config=IN_PROCESS)
        depot.wait_for_gate(second_batch)
        installation.kill(run_id)
    done = set(installation.outcome(run_id).materialized)

    # The first of three batches is done, and stays done; a model is materialized when all are.
    assert "staging.orders" not in done
    assert depot.intervals()["staging.orders"] == [(depot.started, day(2))]

    again = installation.wait_for(installation.launch(config=IN_PROCESS))
    assert set(again.materialized) == MODELS - done
    assert again.metadata["staging.orders"]["sqlmesh/batches"] == 2
    depot.require_complete(day(0))


def test_between_two_models(installation: Installation, depot: Depot) -> None:
    gate = f"marts.daily_revenue {day(PLANNED)}"
    with depot.closed(gate):
        run_id = installation.launch(config=IN_PROCESS)
        depot.wait_for_gate(gate)
        # SQLMesh stands still; Dagster may still have to write down what it did before.
        whole = MODELS - depot.missing(day(0))
        wait_until(lambda: whole == set(installation.outcome(run_id).materialized), "its events")
        installation.kill(run_id)
    done = set(installation.outcome(run_id).materialized)

    assert "staging.orders" in done
    assert "marts.daily_revenue" not in done
    assert depot.missing(day(0)) == MODELS - done

    again = installation.wait_for(installation.reexecute(run_id, "FROM_FAILURE"))
    assert set(again.materialized) == MODELS - done
    depot.require_complete(day(0))
