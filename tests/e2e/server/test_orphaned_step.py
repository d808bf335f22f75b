"""`kill -9` of a run's worker leaves the step's own process alive: Dagster does not end it."""

from __future__ import annotations

import pytest

from e2e.server.depot import MODELS, Depot, day
from e2e.server.installation import IN_PROCESS, Installation
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


def test_the_next_run_waits_for_an_orphaned_step(installation: Installation, depot: Depot) -> None:
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
