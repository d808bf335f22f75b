"""The example, run by real SQLMesh through real Dagster, in this process."""

from __future__ import annotations

import re

import dagster as dg
import pytest

from e2e.outcome import STATUS
from e2e.shop import BELOW_ORDER_ITEMS, DUE, NOT_DUE, Shop, materialize

pytestmark = pytest.mark.dagster


def test_what_is_due_is_materialized_and_nothing_else(shop: Shop) -> None:
    outcome = materialize(shop)

    assert outcome.failure == ""
    assert set(outcome.materialized) == DUE
    assert len(outcome.materialized) == len(DUE)
    assert {name for name, status in outcome.status.items() if status == "evaluated"} == DUE
    assert {name for name, status in outcome.status.items() if status == "not due"} == NOT_DUE
    assert outcome.failed == {}
    # Every audit of the evaluated models, and no other.
    package = {
        (".".join(model.spec.key.path[1:]), check.spec.name)
        for model in shop.definitions().MODELS
        for check in model.audit_checks
    }
    assert outcome.passed == {check for check in package if check[0] in DUE}
    # Upstream models come before downstream ones.
    order = outcome.materialized
    assert order.index("staging.order_items") < order.index("marts.daily_revenue")
    assert order.index("marts.daily_revenue") < order.index("marts.monthly_revenue")
    # The metadata: two new days, and the day before them again, for a lookback of one.
    revenue = outcome.metadata["marts.daily_revenue"]
    assert revenue["sqlmesh/intervals"] == [
        ["2026-11-03T00:00:00+00:00", "2026-11-06T00:00:00+00:00"]
    ]
    assert revenue["sqlmesh/batches"] == 1
    assert isinstance(revenue["sqlmesh/duration_seconds"], float)
    version = revenue["sqlmesh/snapshot_version"]
    assert outcome.data_versions["marts.daily_revenue"].startswith(f"{version}-")
    # A model that is not due says when it will be; a seed never is.
    assert "sqlmesh/next_due" in outcome.check_metadata["marts.customer_segments", STATUS]
    assert "sqlmesh/next_due" not in outcome.check_metadata["raw.countries", STATUS]


def test_later_runs(shop: Shop) -> None:
    """The same time again reports nothing; a day later the data, and its versions, are new."""
    first = materialize(shop)
    again = materialize(shop)
    next_day = materialize(shop, "2026-11-07")

    assert again.materialized == []
    assert set(again.status.values()) == {"not due"}
    assert again.passed == set()
    assert again.failure == ""
    assert first.data_versions.keys() == next_day.data_versions.keys()
    assert all(version != next_day.data_versions[n] for n, version in first.data_versions.items())


def test_broken_data_stops_what_stands_on_it_and_is_repaired_by_the_next_run(shop: Shop) -> None:
    shop.load_sources("--break")
    broken = materialize(shop)

    # The blocking audit: the model failed, what reads it was skipped, the rest is there.
    assert broken.status["staging.order_items"] == "failed"
    assert broken.failed["staging.order_items", "assert_at_least"] is dg.AssetCheckSeverity.ERROR
    assert ("staging.order_items", "unique_combination_of_columns") in broken.passed
    assert {name for name, status in broken.status.items() if status == "skipped"} == (
        BELOW_ORDER_ITEMS
    )
    for name in BELOW_ORDER_ITEMS:
        blamed = broken.check_metadata[name, STATUS]["sqlmesh/failed_upstream"]
        assert blamed == ["shop.staging.order_items"]
    assert set(broken.materialized) == DUE - BELOW_ORDER_ITEMS - {"staging.order_items"}
    # The non-blocking audit: a warning on a model that was materialized.
    warned = ("staging.customers", "not_null_non_blocking")
    assert broken.failed[warned] is dg.AssetCheckSeverity.WARN
    assert broken.check_metadata[warned]["sqlmesh/count"] == 4
    assert broken.check_metadata[warned]["sqlmesh/audit_args"] == "columns := (email)"
    query = str(broken.check_metadata[warned]["sqlmesh/audit_query"])
    assert re.search(r'"email"[)\s]* IS NULL', query)  # older versions of SQLMesh add parentheses
    # No check of a model that was skipped.
    assert not {asset for asset, _ in broken.passed | broken.failed.keys()} & BELOW_ORDER_ITEMS
    assert "shop.staging.order_items: Audits failed: assert_at_least" in broken.failure

    shop.load_sources()
    repaired = materialize(shop)

    assert repaired.failure == ""
    assert set(repaired.materialized) == BELOW_ORDER_ITEMS | {"staging.order_items"}


def test_only_the_selected_models_run(shop: Shop) -> None:
    outcome = materialize(shop, selection='key:"shop/staging/orders"')

    assert outcome.materialized == ["staging.orders"]
    assert {asset for asset, _ in outcome.passed} == {"staging.orders"}
    assert set(outcome.status) == {"staging.orders"}


def test_options_of_a_run(shop: Shop) -> None:
    unreadable = materialize(shop, "teatime")
    assert "cannot parse 'teatime' as a time" in unreadable.failure
    assert unreadable.materialized == []

    assert "marts.customer_segments" in materialize(shop, ignore_cron=True).materialized
