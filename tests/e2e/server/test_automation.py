"""The real daemon: a tick reports what a plan evaluated, and automation conditions hear of it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from e2e import workshop
from e2e.server.processes import Processes
from e2e.shop import materialize
from e2e.waiting import wait_until
from projects import model

pytestmark = pytest.mark.server

SEED, REPORT = dg.AssetKey(["shop", "work", "countries"]), dg.AssetKey("report")
FILES = {
    "seeds/countries.csv": "code,name\n1,Chile\n",
    "models/countries.sql": model(
        "work.countries", "", kind="SEED (path '../seeds/countries.csv')"
    ),
    "models/late.sql": model("work.late", "SELECT code FROM work.countries", kind="FULL"),
}
PLATFORM = """
import dagster as dg

from {package} import definitions as generated


@dg.asset(deps=[{seed}], automation_condition=dg.AutomationCondition.eager())
def report() -> None: ...


automation = dg.AutomationConditionSensorDefinition(
    "automation",
    target=dg.AssetSelection.assets(report),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=1,
)
defs = dg.Definitions.merge(
    generated.defs, dg.Definitions(assets=[report], sensors=[automation])
)
"""


def test_an_eager_asset_below_a_seed_is_requested(workplace: Path, processes: Processes) -> None:
    shop = workshop.make(workplace, FILES)
    workshop.plan(shop, "2100-01-01")  # so that nothing is due
    definitions = shop.package / "definitions.py"
    text = definitions.read_text(encoding="utf-8")
    daily = 'cron_schedule="0 0 * * *"'
    assert daily in text
    every_minute = 'cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING'
    definitions.write_text(text.replace(daily, every_minute), encoding="utf-8")
    platform = PLATFORM.format(package=shop.package.name, seed=list(SEED.path))
    (workplace / "platform_defs.py").write_text(platform, encoding="utf-8")
    processes.start_daemon("-m", "platform_defs")
    with dg.DagsterInstance.get() as instance:

        def materialized() -> bool:
            processes.require("daemon")
            return instance.get_latest_materialization_event(REPORT) is not None

        wait_until(materialized, "the eager asset is materialized")
        found = instance.fetch_materializations(SEED, limit=10).records
        event = found[0].asset_materialization
    assert event
    assert event.metadata["sqlmesh/evaluated_by"].value == "plan"
    assert [record.event_log_entry.run_id for record in found] == [""]  # a tick reported it, once


CHECKED = {
    "models/seen.sql": model(
        "work.seen", "SELECT n FROM raw.source", kind="VIEW", audits="(unique_values(columns := n))"
    )
}
SOURCE = "CREATE SCHEMA raw; CREATE TABLE raw.source AS SELECT 1 AS n"
SEEN, ANY_DATA, GOOD_DATA = dg.AssetKey(["shop", "work", "seen"]), "any_data", "good_data"
WAITING = """
import dagster as dg

from {package} import definitions as generated

EAGER = dg.AutomationCondition.eager()
GOOD = EAGER & dg.AutomationCondition.all_deps_blocking_checks_passed()


@dg.asset(deps=[["shop", "work", "seen"]], automation_condition=EAGER)
def any_data() -> None: ...


@dg.asset(deps=[["shop", "work", "seen"]], automation_condition=GOOD)
def good_data() -> None: ...


automation = dg.AutomationConditionSensorDefinition(
    "automation",
    target=dg.AssetSelection.assets(any_data, good_data),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=1,
)
defs = dg.Definitions.merge(
    generated.defs, dg.Definitions(assets=[any_data, good_data], sensors=[automation])
)
"""


@pytest.mark.parametrize("blocking_checks", ["sqlmesh", "dagster"])
def test_an_asset_waits_for_the_blocking_checks_of_a_model(
    workplace: Path, processes: Processes, blocking_checks: str
) -> None:
    """With `blocking_checks = "dagster"` only: by default no check blocks in Dagster."""
    shop = workshop.make(workplace, CHECKED, sql=SOURCE)
    arguments = ["--set", f"blocking_checks={blocking_checks}", "--quiet"]
    assert main([str(shop.project), "-o", str(shop.package), *arguments]) == 0
    platform = WAITING.format(package=shop.package.name)
    (workplace / "platform_defs.py").write_text(platform, encoding="utf-8")
    asset = dg.AssetSelection.assets(SEEN)
    checks = dg.AssetSelection.checks_for_assets(shop.definitions().sqlmesh_models)
    with dg.DagsterInstance.get() as instance:

        def run(selection: dg.AssetSelection) -> None:
            materialize(shop, "2100-01-01", selection=selection, instance=instance)

        def requested(name: str) -> bool:
            processes.require("daemon")
            return instance.get_latest_materialization_event(dg.AssetKey(name)) is not None

        workshop.execute(shop, "INSERT INTO raw.source VALUES (1)")
        run(checks)  # fails
        workshop.execute(shop, "DELETE FROM raw.source")
        processes.start_daemon("-m", "platform_defs")
        wait_until(lambda: has_ticked(instance), "a tick of the sensor")
        run(asset.without_checks())
        wait_until(lambda: requested(ANY_DATA), "the eager asset is materialized")
        if blocking_checks == "sqlmesh":
            wait_until(lambda: requested(GOOD_DATA), "no check blocks")
        else:
            assert not requested(GOOD_DATA)
            run(checks)  # passes
            wait_until(lambda: requested(GOOD_DATA), "the check has passed")


def has_ticked(instance: dg.DagsterInstance) -> bool:
    """Return whether the sensor has looked once: from then on it sees what is new."""
    states = instance.all_instigator_state()
    return any(
        state.instigator_name == "automation"
        and instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        for state in states
    )
