"""`kill -9` of a run's worker: what Dagster shows, what SQLMesh's state holds, what repairs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from e2e.server.conftest import STORAGE
from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import ASSET_JOB, IN_PROCESS, Installation
from e2e.server.postgres import Postgres
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("installation")]

CHOSEN = ["staging.orders", "marts.daily_revenue", "enriched.report"]


@pytest.mark.parametrize(
    ("model", "ago"), [("staging.orders", 2), ("marts.daily_revenue", PLANNED)]
)
def test_in_the_middle_of_a_model_and_between_two(
    installation: Installation, depot: Depot, model: str, ago: int
) -> None:
    gate = f"{model} {day(ago)}"
    with depot.closed(gate):
        run_id = installation.launch(config=IN_PROCESS)
        depot.wait_for_gate(gate)
        # SQLMesh stands still; Dagster may still have to write down what it did before.
        whole = MODELS - depot.missing(day(0))
        wait_until(lambda: whole == set(installation.outcome(run_id).materialized), "its events")
        installation.kill(run_id)
    done = set(installation.outcome(run_id).materialized)

    # The first of three batches is done, and stays done; a model is materialized when all are.
    assert model not in done
    assert ("staging.orders" in done) == (model != "staging.orders")
    assert depot.missing(day(0)) == MODELS - done
    assert [end for _, end in depot.intervals()[model]] == [day(ago)]

    again = installation.wait_for(installation.reexecute(run_id, "FROM_FAILURE"))
    assert set(again.materialized) == MODELS - done
    depot.require_complete(day(0))


def test_the_next_run_waits_for_an_orphaned_step(installation: Installation, depot: Depot) -> None:
    """Dagster does not end the step's own process when its run's worker is killed."""
    with depot.closed("staging.orders"):
        run_id = installation.launch()
        depot.wait_for_gate("staging.orders")
        installation.kill(run_id)
        # Dagster calls the run failed and has freed its place in the pool; SQLMesh goes on.
        assert len(depot.busy()) == 1

        following = installation.launch(config=IN_PROCESS)
        # It names the run that it waits for.
        wait_until(
            lambda: any(run_id in said for said in installation.outcome(following).messages),
            "the next run says which run it waits for",
        )
        assert len(depot.busy()) == 1
    outcome = installation.wait_for(following)

    # What the orphan finished it has reported, into the failed run; nothing was done twice.
    materialized = [*installation.outcome(run_id).materialized, *outcome.materialized]
    assert sorted(materialized) == sorted(MODELS)
    depot.require_complete(day(0))


@contextmanager
def no_new_events(storage: Postgres) -> Iterator[None]:
    """Keep Dagster's processes from storing events; they wait."""
    with storage.connection(STORAGE) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE event_logs IN SHARE ROW EXCLUSIVE MODE")
        yield
        cursor.execute("ROLLBACK")


def test_what_was_evaluated_and_not_stored_is_reported_by_the_next_run(
    installation: Installation, depot: Depot, storage_server: Postgres
) -> None:
    with ExitStack() as gate:
        gate.enter_context(depot.closed("staging.orders"))
        run_id = installation.launch(ASSET_JOB, assets=CHOSEN, config=IN_PROCESS)
        depot.wait_for_gate("staging.orders")
        worker = installation.worker(run_id)
        with no_new_events(storage_server):
            gate.close()
            wait_until(lambda: "marts.daily_revenue" not in depot.missing(day(0)), "evaluations")
            worker.kill()
    assert installation.wait_for(run_id, status="FAILURE").materialized == []
    assert depot.wrong_rows(day(0)).keys() == {"marts.last_orders"}

    again = installation.wait_for(installation.reexecute(run_id, "FROM_ASSET_FAILURE"))
    # Nothing evaluated them again; the asset below them is not SQLMesh's, and runs.
    assert again.materialized == CHOSEN[2:]
    assert {again.reported[name] for name in CHOSEN[:2]} == {"run"}
    assert depot.query("SELECT days FROM enriched.report") == [((day(0) - depot.started).days,)]

    # It is said once: the run after that has nothing to add.
    once_more = installation.launch(ASSET_JOB, assets=CHOSEN[:2], config=IN_PROCESS)
    said = installation.wait_for(once_more)
    assert (said.materialized, said.reported) == ([], {})
