"""The schedule's tick, against the example's real state."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest

from e2e import workshop
from e2e.shop import DUE, Shop, materialize, run, tick
from projects import model

pytestmark = pytest.mark.dagster

MIDNIGHT = datetime(2026, 11, 6, tzinfo=UTC)
AT_ONE = {
    "live.open_orders",
    "live.reserved_stock",
    "marts.mailing_list",
    "staging.customers",
    "staging.order_items",
    "staging.orders",
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def selected(request: dg.RunRequest | dg.SkipReason) -> set[str]:
    assert isinstance(request, dg.RunRequest)
    return {".".join(key.path[1:]) for key in request.asset_selection or []}


def skipped(reason: dg.RunRequest | dg.SkipReason) -> str:
    assert isinstance(reason, dg.SkipReason)
    return str(reason.skip_message)


def test_a_tick_selects_exactly_what_is_due(shop: Shop, instance: dg.DagsterInstance) -> None:
    before = workshop.intervals(shop)
    five_past = datetime(2026, 11, 4, 0, 5, tzinfo=UTC)
    assert selected(tick(shop, five_past, instance)) == {"live.open_orders"}
    assert selected(tick(shop, datetime(2026, 11, 4, 1, tzinfo=UTC), instance)) == AT_ONE
    assert selected(tick(shop, MIDNIGHT, instance)) == DUE

    # It leaves the state as it was and free: DuckDB would not let another process in.
    shop.load_sources()
    assert workshop.intervals(shop) == before
    materialize(shop)
    reason = skipped(tick(shop, datetime(2026, 11, 6, 0, 2, tzinfo=UTC), instance))
    assert reason == "No model is due; the next one is at 2026-11-06T00:05+00:00"


def test_a_restatement_is_due_at_the_tick_of_its_own_cron(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    restated = (
        "INCREMENTAL_BY_TIME_RANGE (time_column d, auto_restatement_cron '0 12 * * *', "
        "auto_restatement_intervals 1)"
    )
    files = {
        "models/a.sql": model("work.a", "SELECT @end_ds::DATE AS d", kind=restated),
        "models/b.sql": model("work.b", "SELECT d FROM work.a", kind="FULL"),
    }
    shop = workshop.make(workplace, files)
    schedule = shop.definitions().defs.resolve_schedule_def("sqlmesh_adaptive_schedule")
    assert schedule.cron_schedule == ["0 0 * * *", "0 12 * * *"]

    materialize(shop)
    reason = skipped(tick(shop, MIDNIGHT + timedelta(hours=1), instance))
    assert reason == "No model is due; the next one is at 2026-11-06T12:00+00:00"
    noon = MIDNIGHT + timedelta(hours=12)
    assert selected(tick(shop, noon, instance)) == {"work.a", "work.b"}


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_tick_requests_what_no_active_run_has_planned(
    shop: Shop, instance: dg.DagsterInstance, status: str
) -> None:
    @dg.asset
    def other() -> None: ...

    other_job = dg.Definitions([other], jobs=[dg.define_asset_job("other_job", [other])])
    defs = shop.definitions().defs
    job = defs.resolve_job_def("sqlmesh_job")
    instance.create_run_for_job(
        other_job.resolve_job_def("other_job"), status=dg.DagsterRunStatus(status)
    )
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS)
    assert selected(tick(shop, MIDNIGHT, instance)) == DUE

    # As the UI does for "materialize this asset": the run is of no job of ours.
    subset = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={dg.AssetKey(["shop", "staging", "orders"])}
    )
    active = instance.create_run_for_job(
        subset, status=dg.DagsterRunStatus(status), asset_selection=subset.asset_selection
    )
    assert selected(tick(shop, MIDNIGHT, instance)) == DUE - {"staging.orders"}
    instance.delete_run(active.run_id)
    active = instance.create_run_for_job(job, status=dg.DagsterRunStatus(status))
    said = skipped(tick(shop, MIDNIGHT, instance))
    assert said.startswith(f"Another SQLMesh run is active: {active.run_id} ")
    # Its process may have been killed; only run monitoring would notice.
    assert "mark the run as canceled" in said
    assert "`run_monitoring: {enabled: true}`" in said


def test_later_ticks_read_intervals_only_until_a_plan_is_applied(
    workplace: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dg_sqlmesh_codegen.runtime.sqlmesh import promoted  # noqa: PLC0415 - it imports SQLMesh

    reads = Mock(wraps=promoted.read_snapshots)
    monkeypatch.setattr(f"{promoted.__package__}.due_models.read_snapshots", reads)
    shop = workshop.make(workplace, {"models/a.sql": model("work.a", kind="FULL")})
    assert selected(tick(shop, MIDNIGHT, instance)) == {"work.a"}
    assert selected(tick(shop, MIDNIGHT, instance)) == {"work.a"}
    materialize(shop)
    skipped(tick(shop, MIDNIGHT, instance))
    assert reads.call_count == 1

    (shop.project / "models" / "b.sql").write_text(model("work.b", kind="FULL"), encoding="utf-8")
    workshop.plan(shop)
    assert "shop.work.b" in skipped(tick(shop, MIDNIGHT, instance))
    assert reads.call_count == 2


def test_a_tick_skips_while_a_plan_is_not_finished(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    """SQLMesh's run would wait for hours, with the lock taken, also where the plan has failed."""
    tick(shop, MIDNIGHT, instance)  # what it remembers must not hide the plan
    workshop.execute(shop, "UPDATE sqlmesh._environments SET finalized_ts = NULL, plan_id = 'p7'")
    reason = tick(shop, MIDNIGHT, instance)

    assert isinstance(reason, dg.SkipReason)
    said = str(reason.skip_message)
    assert said.startswith("The SQLMesh environment 'prod' is being updated by the plan p7. ")
    assert said.endswith("plan prod`.")


def test_two_ticks_at_once_do_not_get_in_each_others_way(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    """As a code server evaluates the schedules of two time zones: in threads."""
    with ThreadPoolExecutor(2) as pool:
        ticks = [pool.submit(tick, shop, MIDNIGHT, instance) for _ in range(6)]

    assert [selected(each.result()) for each in ticks] == [DUE] * 6


def test_a_tick_that_fails_lets_go_of_the_state(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = shop.folder / "elsewhere" / "shop.duckdb"
    elsewhere.parent.mkdir()
    monkeypatch.setenv("SHOP_DATABASE", str(elsewhere))
    with pytest.raises(Exception, match="'prod' was never planned"):
        tick(shop, MIDNIGHT, instance)

    # Another process, which DuckDB would not let in.
    run([sys.executable, "load_sources.py", str(elsewhere)], shop.project)
