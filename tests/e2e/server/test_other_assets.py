"""Assets that are not SQLMesh's, between models and below them; a warehouse that goes away."""

from __future__ import annotations

import dagster as dg
import pytest

from e2e.server.depot import MODELS, Depot, day
from e2e.server.installation import ASSET_JOB, Installation
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]


def test_an_asset_between_two_models(installation: Installation, depot: Depot) -> None:
    chosen = [*MODELS, "enriched.scores"]
    outcome = installation.wait_for(installation.launch(ASSET_JOB, assets=chosen))

    # Dagster splits the op: what is above the asset, and what is below it.
    assert sorted(outcome.materialized) == sorted(chosen)
    assert outcome.steps_started == 3
    order = [
        outcome.materialized.index(asset)
        for asset in ("staging.customers", "enriched.scores", "marts.customer_tiers")
    ]
    assert order == sorted(order)
    assert depot.query("SELECT MIN(score) FROM marts.customer_tiers") == [(7,)]
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
