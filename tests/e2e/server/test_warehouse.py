"""A warehouse, SQLMesh's state and Dagster's storage on PostgreSQL; runs by daemon and by hand."""

from __future__ import annotations

import dagster as dg
import pytest

from e2e.server.depot import MODELS, PLANNED, Depot, day
from e2e.server.installation import ASSET_JOB, IN_PROCESS, Installation

pytestmark = pytest.mark.slow


def test_one_asset_by_hand(installation: Installation, depot: Depot) -> None:
    run_id = installation.launch(ASSET_JOB, assets=["staging.orders"])
    outcome = installation.wait_for(run_id)

    assert outcome.materialized == ["staging.orders"]
    assert outcome.status == {"staging.orders": "evaluated"}
    assert outcome.metadata["staging.orders"]["sqlmesh/batches"] == PLANNED
    assert depot.missing(day(0)) == MODELS - {"staging.orders"}
    assert set(depot.wrong_rows(day(0))) == {"marts.daily_revenue", "marts.last_orders"}
