"""Runs that landed data starts: which models are evaluated again, though no interval is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.runtime.sqlmesh import run as sqlmesh_run
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import Shop, materialize, run_at, tick
from projects import model

pytestmark = pytest.mark.dagster

SOURCE = "CREATE SCHEMA raw; CREATE TABLE raw.source AS SELECT 1 AS n"
AGAIN = {"by_key": "INCREMENTAL_BY_UNIQUE_KEY (unique_key n)", "entire": "FULL"}
NEVER = {
    "appended": "INCREMENTAL_UNMANAGED",
    "history": "SCD_TYPE_2_BY_COLUMN (unique_key n, columns [n])",
    "once": "INCREMENTAL_BY_UNIQUE_KEY (unique_key n, disable_restatement true)",
}
FILES = {
    **{
        f"models/{name}.sql": model(f"work.{name}", "SELECT n FROM raw.source", kind=kind)
        for name, kind in {**AGAIN, **NEVER}.items()
    },
    "models/by_day.sql": model(
        "work.by_day",
        "SELECT n, @start_date AS day FROM raw.source",
        kind="INCREMENTAL_BY_TIME_RANGE (time_column day)",
    ),
    "models/by_part.sql": model(
        "work.by_part",
        "SELECT n FROM work.entire",
        kind="INCREMENTAL_BY_PARTITION",
        partitioned_by="n",
    ),
    "models/shown.sql": model("work.shown", "SELECT n FROM work.entire", kind="VIEW"),
    "models/plain.sql": model(
        "work.plain",
        "SELECT n FROM raw.source",
        kind="FULL",
        tags="('dagster:run_on_upstream:false')",
    ),
}
RUN_AGAIN = {"work.by_day", "work.by_key", "work.by_part", "work.entire", "work.shown"}
RAW = dg.AssetKey(["shop", "raw", "source"])
LATER = "2026-11-06 14:00:00"


@pytest.fixture
def works(workplace: Path) -> Shop:
    """Models that have run two days after the plan: nothing is due."""
    shop = workshop.make(workplace, FILES, sql=SOURCE)
    arguments = ["--set", "run_on_upstream=true", "--quiet"]
    assert main([str(shop.project), "-o", str(shop.package), *arguments]) == 0
    assert not materialize(shop).failure
    workshop.execute(shop, "INSERT INTO raw.source VALUES (2)")
    return shop


def run_landed(shop: Shop, instance: dg.DagsterInstance) -> Outcome:
    """Run all models as the sensor's request does."""
    module = shop.definitions()
    result = dg.materialize(
        [module.sqlmesh_models],
        resources={"sqlmesh": module.defs.resources["sqlmesh"]},
        run_config=run_at(LATER),
        tags={"sqlmesh/landed": "shop/raw/source"},
        raise_on_error=False,
        instance=instance,
    )
    return Outcome.of(instance, result.run_id)


def test_models_without_a_missing_interval_evaluate_their_last_one_again(works: Shop) -> None:
    before = workshop.intervals(works)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = run_landed(works, instance)

    assert not outcome.failure
    assert {*outcome.materialized} == {*RUN_AGAIN, "work.plain"}  # all of them were selected
    for name in ("by_day", "by_key", "by_part", "entire", "shown", *NEVER):
        found = {row[0] for row in workshop.query(works, f"FROM shop.work.{name}")}
        assert (2 in found) == (name not in NEVER), name
    # The last day alone: the rows of the days before are as they were.
    days = workshop.query(works, "SELECT day, COUNT(*) FROM shop.work.by_day GROUP BY 1 ORDER BY 1")
    assert [count for _, count in days] == [1, 1, 2]
    assert workshop.intervals(works).keys() == before.keys()
    assert isinstance(tick(works, datetime(2026, 11, 6, 14, 5, tzinfo=UTC)), dg.SkipReason)


def test_a_model_whose_metadata_a_plan_has_changed_is_evaluated_again(works: Shop) -> None:
    """Its last interval is in the state with the snapshot before the change."""
    file = works.project / "models" / "entire.sql"
    file.write_text(file.read_text("utf-8").replace("MODEL (", "MODEL (description 'x', "), "utf-8")
    workshop.plan(works)
    with dg.DagsterInstance.ephemeral() as instance:
        assert "work.entire" in run_landed(works, instance).materialized
    assert (2,) in workshop.query(works, "FROM shop.work.entire")


def test_the_sensor_requests_the_models_that_have_the_property(works: Shop) -> None:
    module = works.definitions()
    with (
        dg.instance_for_test() as instance,
        dg.build_sensor_context(instance, resources=module.defs.resources) as context,
    ):
        assert isinstance(module.sqlmesh_upstream_sensor(context), dg.SkipReason)
        instance.report_runless_asset_event(dg.AssetMaterialization(RAW))
        request = module.sqlmesh_upstream_sensor(context)
    assert isinstance(request, dg.RunRequest)
    names = {".".join(key.path[1:]) for key in request.asset_selection or ()}
    assert names == {*RUN_AGAIN, "work.once"}
    assert request.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"


def test_a_run_that_is_killed_before_it_evaluates_leaves_the_models_due(
    works: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    with dg.instance_for_test() as instance:
        with monkeypatch.context() as patch:
            patch.setattr(sqlmesh_run, "_run", killed)
            assert run_landed(works, instance).failure
        request = tick(works, datetime(2026, 11, 6, 14, 5, tzinfo=UTC), instance)
    assert isinstance(request, dg.RunRequest)
    names = {".".join(key.path[1:]) for key in request.asset_selection or ()}
    assert names == {*RUN_AGAIN, "work.plain"}
