"""A model is materialized alone, while the model that it reads has missing intervals."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.outcome import STATUS
from e2e.shop import Shop, materialize
from projects import model

pytestmark = pytest.mark.dagster

READY = """
from pathlib import Path
from sqlmesh import signal

@signal()
def ready(batch):
    return not Path("late").exists()
"""
DAILY = "INCREMENTAL_BY_TIME_RANGE (time_column ds)"
FILES = {
    "signals/__init__.py": READY,
    "models/parent.sql": model(
        "work.parent",
        "SELECT UNNEST(generate_series(@start_date, @end_date, INTERVAL 1 DAY))::DATE AS ds, "
        "(SELECT COUNT(*) FROM raw.bad)::INT AS bad",
        kind=DAILY,
        audits="(forall(criteria := (bad = 0)))",
        signals="(ready())",
    ),
    "models/child.sql": model(
        "work.child",
        "SELECT ds, bad FROM work.parent WHERE ds BETWEEN @start_date AND @end_date",
        kind=DAILY,
    ),
}
BAD = "CREATE SCHEMA raw; CREATE TABLE raw.bad (n INT);"
MISSING = "Upstream models that are not selected have missing intervals: shop.work.parent"


@pytest.fixture
def shop(workplace: Path) -> Shop:
    return workshop.make(workplace, FILES, sql=BAD)


CHILD = 'key:"shop/work/child"'


def test_the_parent_is_evaluated_first_and_reported(shop: Shop) -> None:
    outcome = materialize(shop, selection=CHILD)

    assert outcome.materialized == ["work.parent", "work.child"]
    assert outcome.passed == {("work.parent", "forall")}
    assert outcome.status == {"work.parent": "evaluated", "work.child": "evaluated"}
    said = "SQLMesh evaluates 2 models, also upstream of the selection: shop.work.parent"
    assert said in outcome.messages
    days = workshop.query(shop, "SELECT ds FROM work.parent ORDER BY 1")
    assert len(days) == 3
    assert workshop.query(shop, "SELECT ds FROM work.child ORDER BY 1") == days


def test_a_parent_that_fails_holds_the_child_back(shop: Shop) -> None:
    workshop.execute(shop, "INSERT INTO raw.bad VALUES (1)")
    before = workshop.intervals(shop)
    outcome = materialize(shop, selection=CHILD)

    assert outcome.materialized == []
    assert outcome.failed == {("work.parent", "forall"): dg.AssetCheckSeverity.ERROR}
    assert outcome.status == {"work.parent": "failed", "work.child": "skipped"}
    blamed = outcome.check_metadata["work.child", STATUS]["sqlmesh/failed_upstream"]
    assert blamed == ["shop.work.parent"]
    assert "shop.work.parent: Audits failed: forall" in outcome.failure
    assert "Skipped downstream: shop.work.child" in outcome.failure
    assert workshop.intervals(shop) == before


def test_a_parent_that_waits_holds_the_child_back(shop: Shop) -> None:
    (shop.folder / "late").touch()
    before = workshop.intervals(shop)
    outcome = materialize(shop, selection=CHILD)

    assert outcome.materialized == []
    assert outcome.failure == ""
    assert outcome.status == {
        "work.parent": "waiting for its signals",
        "work.child": "waiting for signals upstream",
    }
    waits = outcome.check_metadata["work.child", STATUS]["sqlmesh/waiting_upstream"]
    assert waits == ["shop.work.parent"]
    assert workshop.intervals(shop) == before


@pytest.mark.parametrize("where", ["launchpad", "resource"])
def test_other_ways(shop: Shop, where: str) -> None:
    def outcome(upstream: str) -> tuple[list[str], str, bool]:
        resource = SQLMeshResource(project_dir=str(shop.project), upstream=upstream)
        if where == "resource":
            found = materialize(shop, selection=CHILD, resource=resource)
        else:
            found = materialize(shop, selection=CHILD, upstream=upstream)
        warned = any(message.startswith(MISSING) for message in found.messages)
        return found.materialized, found.failure, warned

    _, failure, _ = outcome("all")
    assert "`upstream` is 'all'. Use one of 'include', 'fail', 'warn', 'ignore'" in failure
    remedy = "Select them too, or set `upstream` to 'include'."
    assert outcome("fail") == ([], f"{MISSING}. {remedy}", False)
    assert outcome("warn") == (["work.child"], "", True)
    assert outcome("fail") == ([], "", False)  # only intervals that the child needs count


def test_the_selected_models_alone(shop: Shop) -> None:
    ignored = materialize(shop, selection=CHILD, upstream="ignore")
    assert ignored.materialized == ["work.child"]
    assert not any(message.startswith(MISSING) for message in ignored.messages)
    # The option of before the key `upstream` wins over the resource.
    alone = SQLMeshResource(project_dir=str(shop.project), upstream="ignore")
    later = materialize(shop, "2026-11-08", selection=CHILD, resource=alone, include_upstream=True)
    assert later.materialized == ["work.parent", "work.child"]
