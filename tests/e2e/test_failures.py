"""What goes wrong inside a run: what Dagster shows, what SQLMesh's state holds, what repairs it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.shop import DUE, Shop, materialize, run_at
from projects import model

pytestmark = pytest.mark.dagster

FAILING = """
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.fails", kind="FULL", columns={"n": "int"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    if "2026-11-05" < str(kwargs["execution_time"]):
        STATEMENT
    return pd.DataFrame({"n": [1]})
"""
# One batch a day; a day in `raw.bad` makes its batch fail.
DAILY = """
MODEL (
  name work.daily,
  kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1, batch_concurrency 1),
  {audits}
);
SELECT @start_ds::DATE AS day, {value} AS n
"""
BROKEN_QUERY = (
    "CASE WHEN (SELECT COUNT(*) FROM raw.bad WHERE day = @start_ds::DATE) > 0 "
    "THEN error('a broken day') ELSE 1 END"
)
BROKEN_DATA = "(SELECT COUNT(*) FROM raw.bad WHERE day = @start_ds::DATE)"
NO_BAD = "CREATE SCHEMA raw; CREATE TABLE raw.bad (day DATE);"
BAD = "INSERT INTO raw.bad VALUES ('2026-11-06')"
MENDED = "DELETE FROM raw.bad"


@pytest.mark.parametrize("tasks", [1, 4])
def test_a_python_model_that_ends_the_process(workplace: Path, tasks: int) -> None:
    files = {
        "models/a.sql": model("work.a", kind="FULL"),
        "models/fails.py": FAILING.replace("STATEMENT", "raise SystemExit(3)"),
    }
    shop = workshop.make(workplace, files, tasks=tasks)
    outcome = materialize(shop)

    assert "SystemExit: 3" in outcome.failure
    assert "work.fails" not in outcome.materialized
    # Dagster shows as materialized what SQLMesh's state holds as evaluated.
    done = workshop.intervals(shop)["work.a"] == 2
    assert ("work.a" in outcome.materialized) == done


@pytest.mark.parametrize("fails", ["the query", "an audit"])
def test_one_of_many_batches_that_fails(workplace: Path, fails: str) -> None:
    text = {
        "the query": DAILY.format(value=BROKEN_QUERY, audits="cron '@daily'"),
        "an audit": DAILY.format(value=BROKEN_DATA, audits="audits (forall(criteria := (n = 0)))"),
    }[fails]
    shop = workshop.make(workplace, {"models/daily.sql": text}, sql=NO_BAD)
    workshop.execute(shop, BAD)
    with dg.DagsterInstance.ephemeral() as instance:
        failed = materialize(shop, "2026-11-09", instance=instance)
        before_it = materialize(shop, instance=instance)

    assert failed.materialized == []
    assert failed.status["work.daily"] == "failed"
    # A part of the model was evaluated: no later run makes a materialization of that.
    assert before_it.materialized == []
    assert before_it.status["work.daily"] == "not due"
    audit = ("work.daily", "forall")
    if fails == "the query":
        assert "a broken day" in failed.failure
        assert "2026-11-06" not in days(shop)
    else:
        assert failed.failed == {audit: dg.AssetCheckSeverity.ERROR}
        assert failed.check_metadata[audit]["sqlmesh/count"] == 1

    workshop.execute(shop, MENDED)
    repaired = materialize(shop, "2026-11-09")

    assert repaired.materialized == ["work.daily"]
    assert (audit in repaired.passed) == (fails == "an audit")
    assert days(shop) == [f"2026-11-0{day}" for day in range(3, 9)]


def days(shop: Shop) -> list[str]:
    return [str(day) for (day,) in workshop.query(shop, "SELECT day FROM work.daily ORDER BY day")]


def test_an_asset_between_two_models_splits_the_op(workplace: Path) -> None:
    files = {
        "models/first.sql": model("work.first", "SELECT 1 AS id", kind="FULL"),
        "models/last.sql": model("work.last", "SELECT id FROM raw.middle", kind="FULL"),
    }
    sql = "CREATE SCHEMA raw; CREATE TABLE raw.middle AS SELECT 0 AS id"
    shop = workshop.make(workplace, files, sql=sql)
    module = shop.definitions()

    @dg.asset(key=["shop", "raw", "middle"], deps=[["shop", "work", "first"]])
    def middle() -> None:
        # SQLMesh has closed the database: the asset can open it and write to it.
        workshop.execute(shop, "CREATE OR REPLACE TABLE raw.middle AS SELECT 7 AS id")

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [module.sqlmesh_models, middle],
            resources=module.defs.resources,
            run_config={"ops": split_config()},
            instance=instance,
        )
    events = result.get_asset_materialization_events()
    order = [each.asset_key.path[-1] for each in events if each.asset_key]

    assert order == ["first", "middle", "last"]
    assert workshop.query(shop, "SELECT id FROM work.last") == [(7,)]


def split_config() -> dict[str, object]:
    """The run config of both halves: Dagster names the second after the first."""
    ops = run_at("2026-11-06")["ops"]
    assert isinstance(ops, dict)
    return {"sqlmesh_models": ops["sqlmesh_models"], "sqlmesh_models_2": ops["sqlmesh_models"]}


# Fails while the file is there, and takes it away: the first attempt fails, the second does not.
FLAKY = """
    flaky = Path("flaky")
    if flaky.exists():
        flaky.unlink()
        raise ConnectionError("the warehouse went away")
"""


def test_a_retry_runs_only_what_is_missing(shop: Shop) -> None:
    path = shop.project / "models" / "marts" / "customer_segments.py"
    text = path.read_text(encoding="utf-8")
    body = text.index("\n", text.index("-> pd.DataFrame:"))
    source = f"from pathlib import Path\n{text[:body]}{FLAKY}{text[body:]}"
    path.write_text(source, encoding="utf-8")
    workshop.plan(shop)
    (shop.folder / "flaky").touch()
    workshop.retry_once(shop)
    outcome = materialize(shop, ignore_cron=True)

    assert outcome.failure == ""
    assert outcome.retries == 1
    # The first attempt did everything else; the second found just the one model missing.
    assert set(outcome.materialized) == DUE | {"marts.customer_segments"}
    assert len(outcome.materialized) == len(DUE) + 1


def test_failed_audits_are_heard_with_several_tasks_and_a_username(shop: Shop) -> None:
    """With `username` SQLMesh notifies that user's targets and no others, from several threads."""
    config = shop.project / "config.yaml"
    text = config.read_text(encoding="utf-8")
    # And it tells the owner of a model: here the same user, who must not count twice.
    users = "username: data@shop.example\nusers:\n  - username: data@shop.example\n"
    config.write_text(f"{text}\n{users}", encoding="utf-8")
    shop.load_sources("--break")
    resource = SQLMeshResource(project_dir=str(shop.project), concurrent_tasks=4)
    outcome = materialize(shop, resource=resource)

    assert ("staging.order_items", "assert_at_least") in outcome.failed
    warned = ("staging.customers", "not_null_non_blocking")
    assert warned in outcome.failed
    assert outcome.check_metadata[warned]["sqlmesh/count"] == 4
