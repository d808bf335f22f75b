"""The real daemon: a tick reports what a plan evaluated, and automation conditions hear of it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.server.processes import Processes, script
from e2e.waiting import wait_until
from projects import model

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]

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


def test_an_eager_asset_below_a_seed_is_requested(workplace: Path, dagster_home: Path) -> None:
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
    daemon = Processes(workplace, {"DAGSTER_HOME": str(dagster_home), "PYTHONPATH": str(workplace)})
    try:
        daemon.start("daemon", [script("dagster-daemon"), "run", "-m", "platform_defs"])
        with dg.DagsterInstance.get() as instance:

            def materialized() -> bool:
                daemon.require("daemon")
                return instance.get_latest_materialization_event(REPORT) is not None

            wait_until(materialized, "the eager asset is materialized")
            found = instance.fetch_materializations(SEED, limit=10).records
            event = found[0].asset_materialization
    finally:
        daemon.stop_all()
    assert event
    assert event.metadata["sqlmesh/evaluated_by"].value == "plan"
    assert [record.event_log_entry.run_id for record in found] == [""]  # a tick reported it, once
