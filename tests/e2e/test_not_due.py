"""Selected models that are not due: what a run reports of them, and what runs below them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import TWO_DAYS_LATER, Shop, run_at
from projects import model

pytestmark = pytest.mark.dagster

# Two days after the plan the daily models are due. One weekly model stands between two of them, and
# one depends on nothing.
WEEKLY = {"kind": "FULL", "cron": "'@weekly'", "start": "'2026-10-18'"}
FILES = {
    "models/first.sql": model("work.first", "SELECT n FROM raw.source", kind="FULL"),
    "models/weekly.sql": model("work.weekly", "SELECT n FROM work.first", **WEEKLY),
    "models/last.sql": model("work.last", "SELECT n FROM work.weekly", kind="FULL"),
    "models/alone.sql": model("work.alone", "SELECT 1 AS n", **WEEKLY),
}
SOURCE = "CREATE SCHEMA raw; CREATE TABLE raw.source AS SELECT 1 AS n"
MODELS = ["alone", "first", "last", "weekly"]
OWN = {"below_weekly": "weekly", "below_first": "first"}


def run(shop: Shop, not_due: str) -> Outcome:
    """Materialize the models and assets of the user's own below two of them."""
    with dg.DagsterInstance.ephemeral() as instance:
        return run_in(instance, shop, not_due)


def run_in(instance: dg.DagsterInstance, shop: Shop, not_due: str) -> Outcome:

    def own(name: str, parent: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, key_prefix="shop", deps=[["shop", "work", parent]])
        def made() -> None: ...

        return made

    module = shop.definitions()
    project = str(shop.project)
    resource = SQLMeshResource(project_dir=project, not_due=not_due, report_plans=False)
    result = dg.materialize(
        [module.sqlmesh_models, *(own(*each) for each in OWN.items())],
        resources={"sqlmesh": resource},
        run_config=run_at(TWO_DAYS_LATER),
        raise_on_error=False,
        instance=instance,
    )
    return Outcome.of(instance, result.run_id)


@pytest.fixture
def shop(workplace: Path) -> Shop:
    return workshop.make(workplace, FILES, sql=SOURCE)


def test_assets_below_a_model_that_is_not_due_are_skipped_and_named(shop: Shop) -> None:
    outcome = run(shop, "skip")

    assert not outcome.failure
    assert outcome.materialized == ["work.first", "work.last", "below_first"]
    (line,) = [each for each in outcome.messages if each.startswith("Dagster skips")]
    assert line.startswith("Dagster skips shop/below_weekly in this run")
    assert '`not_due = "materialize"`' in line


def test_models_that_are_not_due_are_materialized_before_what_is_downstream(shop: Shop) -> None:
    outcome = run(shop, "materialize")

    assert not outcome.failure
    order = outcome.materialized
    assert sorted(order) == [*sorted(OWN), "work.alone", *(f"work.{n}" for n in MODELS[1:])]
    assert order.index("work.first") < order.index("work.weekly") < order.index("work.last")
    assert outcome.metadata["work.weekly"]["sqlmesh/evaluated"] is False
    # The plan's own time is a Wednesday: one week is complete.
    assert outcome.metadata["work.weekly"]["sqlmesh/current_to"] == 1793491200.0
    assert outcome.status["work.weekly"] == "up to date"
    assert "sqlmesh/evaluated" not in outcome.metadata["work.first"]
    assert not [each for each in outcome.messages if each.startswith("Dagster skips")]

    again = run(shop, "materialize")
    order = again.materialized
    assert order.index("work.first") < order.index("work.weekly") < order.index("work.last")
    assert again.data_versions["work.weekly"] == outcome.data_versions["work.weekly"]
    assert {name for name in MODELS if again.status[f"work.{name}"] == "up to date"} == set(MODELS)


def test_a_model_that_is_not_due_keeps_the_data_version_of_its_evaluation(shop: Shop) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        evaluated = run_in(instance, shop, "materialize").data_versions
        not_due = run_in(instance, shop, "materialize")

    assert not_due.metadata["work.first"]["sqlmesh/evaluated"] is False
    for name in ("work.first", "work.last", "work.weekly"):
        assert not_due.data_versions[name] == evaluated[name]


def test_a_failed_run_materializes_what_was_not_due(shop: Shop) -> None:
    workshop.execute(shop, "DROP TABLE raw.source")
    outcome = run(shop, "materialize")

    assert "work.first" in outcome.failure
    assert sorted(outcome.materialized) == ["work.alone", "work.weekly"]
    assert outcome.status["work.last"] == "skipped"


def test_checks_that_block_in_dagster_do_not_hold_back_what_is_downstream(workplace: Path) -> None:
    """The audits of a model that is not due have no result, and Dagster waits for blocking ones."""
    audited = model(
        "work.weekly", "SELECT n FROM work.first", **WEEKLY, audits="(not_null(columns := n))"
    )
    shop = workshop.make(workplace, {**FILES, "models/weekly.sql": audited}, sql=SOURCE)
    arguments = ["--set", "blocking_checks=dagster", "--quiet"]
    assert main([str(shop.project), "-o", str(shop.package), *arguments]) == 0

    outcome = run(shop, "materialize")
    assert not outcome.failure
    assert {*OWN, "work.weekly"} <= {*outcome.materialized}
    assert ("work.weekly", "not_null") not in outcome.passed
