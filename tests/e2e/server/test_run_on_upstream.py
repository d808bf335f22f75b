"""The real daemon: data lands, and exactly the models downstream run, once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from sqlmesh import Context

from dg_sqlmesh_codegen.cli.app import main
from e2e import workshop
from e2e.server.processes import Processes
from e2e.shop import Shop
from e2e.waiting import wait_until
from projects import model

pytestmark = pytest.mark.server

ORDERS, OTHER = dg.AssetKey(["shop", "raw", "orders"]), dg.AssetKey(["shop", "raw", "other"])
SOURCE = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders AS SELECT 1 AS n;
CREATE TABLE raw.other AS SELECT 1 AS n;
"""
# Their cron is not due before the test ends, unless it is midnight: then the models run sooner.
FILES = {
    "models/staged.sql": model("work.staged", "SELECT n FROM raw.orders", kind="FULL"),
    "models/shown.sql": model("work.shown", "SELECT n FROM work.staged", kind="VIEW"),
    "models/other.sql": model("work.other", "SELECT n FROM raw.other", kind="FULL"),
    "models/waits.py": """
        import time
        from pathlib import Path

        import pandas as pd
        from sqlmesh import model

        @model("work.waits", kind="FULL", columns={"n": "int"}, depends_on=["work.other"])
        def execute(context, **kwargs):
            while Path("hold").exists():
                Path("held").touch()
                time.sleep(0.05)
            return pd.DataFrame({"n": [1]})
    """,
}
PLATFORM = """
import dagster as dg

from {package} import definitions as generated


@dg.asset(key={orders})
def orders() -> None: ...


defs = dg.Definitions.merge(generated.defs, dg.Definitions(assets=[orders]))
"""


@pytest.fixture
def shop(workplace: Path) -> Shop:
    """Models that a plan has evaluated today, and the asset that writes a table they read."""
    made = workshop.make(workplace, FILES, sql=SOURCE)
    context = Context(paths=[str(made.project)])
    context.run("prod", skip_janitor=True)  # everything until now
    context.close()
    arguments = ["--set", "run_on_upstream=true", "--set", "schedule_status=RUNNING", "--quiet"]
    assert main([str(made.project), "-o", str(made.package), *arguments]) == 0
    definitions = made.package / "definitions.py"
    text = definitions.read_text(encoding="utf-8")
    assert "minimum_interval_seconds=30" in text
    quick = text.replace("minimum_interval_seconds=30", "minimum_interval_seconds=1")
    definitions.write_text(quick, encoding="utf-8")
    platform = PLATFORM.format(package=made.package.name, orders=list(ORDERS.path))
    (workplace / "platform_defs.py").write_text(platform, encoding="utf-8")
    return made


def runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs that landings have started, the first one first."""
    found = instance.get_runs(filters=dg.RunsFilter(tags={"dagster/sensor_name": SENSOR}))
    return [*reversed(found)]


def names(run: dg.DagsterRun) -> set[str]:
    return {key.path[-1] for key in run.asset_selection or ()}


SENSOR = "sqlmesh_upstream_sensor"


def test_landed_data_runs_the_models_downstream(
    shop: Shop, processes: Processes, workplace: Path
) -> None:
    processes.start_daemon("-m", "platform_defs")
    with dg.DagsterInstance.get() as instance:

        def ended(number: int) -> bool:
            processes.require("daemon")
            found = runs(instance)
            return len(found) >= number and all(run.is_finished for run in found)

        def ticks() -> int:
            processes.require("daemon")
            states = instance.all_instigator_state()
            state = next((each for each in states if each.name == SENSOR), None)
            if state is None:
                return 0
            return len(instance.get_ticks(state.instigator_origin_id, state.selector_id))

        def two_ticks_more() -> None:
            before = ticks()
            wait_until(lambda: ticks() >= before + 2, "two ticks of the sensor")

        wait_until(lambda: ticks() >= 1, "a tick of the sensor")
        workshop.execute(shop, "INSERT INTO raw.orders VALUES (2)")

        @dg.asset(key=ORDERS)
        def orders() -> None: ...

        assert dg.materialize([orders], instance=instance).success
        wait_until(lambda: ended(1), "the models downstream have run")
        (first,) = runs(instance)
        assert first.status is dg.DagsterRunStatus.SUCCESS
        assert names(first) == {"staged", "shown"}
        assert first.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"
        assert workshop.query(shop, "SELECT MAX(n) FROM shop.work.shown") == [(2,)]
        two_ticks_more()
        assert len(runs(instance)) == 1

        # A landing during an active run is not lost.
        (workplace / "hold").touch()
        instance.report_runless_asset_event(dg.AssetMaterialization(OTHER))
        wait_until((workplace / "held").exists, "a model is being evaluated")
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))
        two_ticks_more()
        assert len(runs(instance)) == 2
        (workplace / "hold").unlink()
        wait_until(lambda: ended(3), "the landing during the run")
        assert [names(run) for run in runs(instance)] == [
            {"staged", "shown"},
            {"other", "waits"},
            {"staged", "shown"},
        ]
        two_ticks_more()
        assert len(runs(instance)) == 3
        assert all(run.status is dg.DagsterRunStatus.SUCCESS for run in runs(instance))
