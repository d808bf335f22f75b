"""A worker that is killed when SQLMesh has evaluated models and Dagster does not know it yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from e2e.server.conftest import STORAGE
from e2e.server.depot import Depot, day
from e2e.server.installation import ASSET_JOB, IN_PROCESS, Installation
from e2e.server.postgres import Postgres
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]

CHOSEN = ["staging.orders", "marts.daily_revenue", "enriched.report"]


@contextmanager
def no_new_events(storage: Postgres) -> Iterator[None]:
    """Keep Dagster's processes from storing events; they wait."""
    with storage.connection(STORAGE) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE event_logs IN SHARE ROW EXCLUSIVE MODE")
        yield
        cursor.execute("ROLLBACK")


def test_what_was_evaluated_is_reported_by_the_next_run(
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
    assert sorted(again.materialized) == sorted(CHOSEN)
    assert depot.query("SELECT days FROM enriched.report") == [((day(0) - depot.started).days,)]

    # It is said once: the run after that has nothing to add.
    once_more = installation.launch(ASSET_JOB, assets=CHOSEN[:2], config=IN_PROCESS)
    assert installation.wait_for(once_more).materialized == []
