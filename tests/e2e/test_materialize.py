"""The example, run by real SQLMesh through real Dagster, in this process."""

from __future__ import annotations

import dagster as dg
import pytest

from e2e.outcome import STATUS
from e2e.shop import BELOW_ORDER_ITEMS, DUE, NOT_DUE, Shop, materialize, run_at

pytestmark = pytest.mark.dagster


def test_what_is_due_is_materialized_and_nothing_else(shop: Shop) -> None:
    outcome = materialize(shop, run_at("2026-11-06"))

    assert outcome.failure == ""
    assert set(outcome.materialized) == DUE
    assert len(outcome.materialized) == len(DUE)
    assert {name for name, status in outcome.status.items() if status == "evaluated"} == DUE
    assert {name for name, status in outcome.status.items() if status == "not due"} == NOT_DUE
    assert outcome.failed == {}
    # Every audit of what was evaluated, none of what was not.
    package = {
        (".".join(model.spec.key.path[1:]), check.spec.name)
        for model in shop.definitions().MODELS
        for check in model.audits
    }
    assert outcome.passed == {check for check in package if check[0] in DUE}


def test_upstream_models_are_materialized_before_downstream_ones(shop: Shop) -> None:
    order = materialize(shop, run_at("2026-11-06")).materialized

    assert order.index("staging.order_items") < order.index("marts.daily_revenue")
    assert order.index("marts.daily_revenue") < order.index("marts.monthly_revenue")


def test_a_materialization_says_what_was_done(shop: Shop) -> None:
    outcome = materialize(shop, run_at("2026-11-06"))

    revenue = outcome.metadata["marts.daily_revenue"]
    # Two new days, and the day before them again: the model has a lookback of one.
    assert revenue["sqlmesh/intervals"] == [
        ["2026-11-03T00:00:00+00:00", "2026-11-06T00:00:00+00:00"]
    ]
    assert revenue["sqlmesh/batches"] == 1
    assert isinstance(revenue["sqlmesh/duration_seconds"], float)
    version = revenue["sqlmesh/snapshot_version"]
    assert outcome.data_versions["marts.daily_revenue"].startswith(f"{version}-")


def test_a_model_that_is_not_due_says_when_it_will_be(shop: Shop) -> None:
    outcome = materialize(shop, run_at("2026-11-06"))

    assert "sqlmesh/next_due" in outcome.check_metadata["marts.customer_segments", STATUS]
    assert "sqlmesh/next_due" not in outcome.check_metadata["raw.countries", STATUS]


def test_data_versions_change_when_the_data_is_rebuilt(shop: Shop) -> None:
    first = materialize(shop, run_at("2026-11-06")).data_versions
    second = materialize(shop, run_at("2026-11-07")).data_versions

    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)


def test_nothing_is_reported_when_nothing_is_due(shop: Shop) -> None:
    materialize(shop, run_at("2026-11-06"))
    again = materialize(shop, run_at("2026-11-06"))

    assert again.materialized == []
    assert set(again.status.values()) == {"not due"}
    assert again.passed == set()
    assert again.failure == ""


def test_broken_data_stops_what_stands_on_it_and_is_repaired_by_the_next_run(shop: Shop) -> None:
    shop.load_sources("--break")
    broken = materialize(shop, run_at("2026-11-06"))

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
    assert broken.check_metadata[warned]["sqlmesh/audit_args"] == {"columns": "(email)"}
    assert '"email" IS NULL' in str(broken.check_metadata[warned]["sqlmesh/audit_query"])
    # No check of a model that was skipped.
    assert not {asset for asset, _ in broken.passed | broken.failed.keys()} & BELOW_ORDER_ITEMS
    assert "shop.staging.order_items: Audits failed: assert_at_least" in broken.failure

    shop.load_sources()
    repaired = materialize(shop, run_at("2026-11-06"))

    assert repaired.failure == ""
    assert set(repaired.materialized) == BELOW_ORDER_ITEMS | {"staging.order_items"}


def test_only_the_selected_models_run(shop: Shop) -> None:
    outcome = materialize(shop, run_at("2026-11-06"), selection='key:"shop/staging/orders"')

    assert outcome.materialized == ["staging.orders"]
    assert {asset for asset, _ in outcome.passed} == {"staging.orders"}
    assert set(outcome.status) == {"staging.orders"}


def test_upstream_models_run_and_are_reported_when_asked_for(shop: Shop) -> None:
    config = run_at("2026-11-06", include_upstream=True)
    outcome = materialize(shop, config, selection='key:"shop/marts/mailing_list"')

    assert set(outcome.materialized) == {"staging.customers", "marts.mailing_list"}


def test_ignore_cron_runs_what_its_cron_holds_back(shop: Shop) -> None:
    outcome = materialize(shop, run_at("2026-11-06", ignore_cron=True))

    assert "marts.customer_segments" in outcome.materialized


def test_an_unreadable_time_is_said_before_anything_runs(shop: Shop) -> None:
    outcome = materialize(shop, run_at("teatime"))

    assert "does not read 'teatime' as a time" in outcome.failure
    assert outcome.materialized == []
