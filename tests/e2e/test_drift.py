"""The environment moves and the package does not: what runs, what is said, what fails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.doctor import doctor
from dg_sqlmesh_codegen.runtime.findings import Severity
from e2e import workshop
from e2e.outcome import STATUS
from e2e.shop import Shop, materialize, tick
from projects import model

pytestmark = pytest.mark.dagster

# Where the file `told` is, it changes the environment as a plan does that is applied meanwhile.
MOVER = """
from pathlib import Path
import pandas as pd
from sqlmesh import ExecutionContext, model

@model("work.mover", kind="FULL", columns={"n": "int"}, depends_on={"shop.work.first"})
def execute(context: ExecutionContext, **kwargs: object) -> pd.DataFrame:
    told = Path("told")
    if told.exists():
        told.unlink()
        context.engine_adapter.execute("UPDATE sqlmesh._environments SET plan_id = 'another'")
        context.engine_adapter.execute(STATEMENT)
    return pd.DataFrame({"n": [1]})
"""
# A plan may have evaluated everything.
ALL_DONE = (
    "INSERT INTO sqlmesh._intervals SELECT * REPLACE (uuid() AS id, created_ts + 1 AS created_ts, "
    "epoch_ms(TIMESTAMP '2026-11-09') AS end_ts) FROM sqlmesh._intervals"
)


def write(shop: Shop, name: str, query: str) -> Path:
    path = shop.project / "models" / f"{name}.sql"
    path.write_text(model(f"work.{name}", query, kind="FULL"), encoding="utf-8")
    return path


def test_what_differs_is_run_said_or_refused(workplace: Path) -> None:
    """Generated: `a`, `b`, `new`. Promoted: `a`, another `b`, and `unknown`."""
    files = {
        "models/a.sql": model("work.a", "SELECT 1 AS id", kind="FULL"),
        "models/b.sql": model("work.b", "SELECT id FROM work.a", kind="FULL"),
    }
    shop = workshop.make(workplace, files)
    new = write(shop, "new", "SELECT id FROM work.a")
    workshop.generate(shop)
    new.unlink()
    write(shop, "b", "SELECT id + 1 AS id FROM work.a")
    write(shop, "unknown", "SELECT id FROM work.a")
    workshop.plan(shop)
    outcome = materialize(shop)
    warnings = [message for message in outcome.messages if "generated package" in message]

    # What is promoted was run, the new version of `b` too; what is not is a failure.
    assert set(outcome.materialized) == {"work.a", "work.b"}
    assert outcome.status["work.new"] == "not promoted"
    assert "Not promoted in the SQLMesh environment: shop.work.new" in outcome.failure
    assert f"`sqlmesh -p {shop.project} plan prod`" in outcome.failure

    codes = {each.spec.key.path[-1]: each.spec.code_version for each in shop.definitions().MODELS}
    assert "sqlmesh/code_version_promoted" not in outcome.metadata["work.a"]
    assert outcome.metadata["work.b"]["sqlmesh/code_version_promoted"] not in (None, codes["b"])

    changed, unknown = (w for w in warnings if not w.startswith("Not promoted"))
    assert "differs from the generated package: 1 model (shop.work.b)" in changed
    assert "not in the generated package: 1 model (shop.work.unknown)" in unknown
    assert "`python -m dg_sqlmesh_codegen`" in unknown


@pytest.mark.parametrize(
    ("statement", "status_of_last"), [("SELECT 1", "evaluated"), (ALL_DONE, "not due")]
)
def test_a_plan_that_is_applied_while_the_run_goes_on(
    workplace: Path, statement: str, status_of_last: str
) -> None:
    files = {
        "models/first.sql": model("work.first", "SELECT 1 AS id", kind="FULL"),
        "models/mover.py": MOVER.replace("STATEMENT", repr(statement)),
        "models/last.sql": model("work.last", "SELECT n FROM work.mover", kind="FULL"),
    }
    shop = workshop.make(workplace, files)
    told = workplace / "told"
    told.touch()
    outcome = materialize(shop)

    assert not told.exists()
    restarted = any("SQLMesh restarted because the environment" in m for m in outcome.messages)
    assert restarted == (status_of_last == "evaluated")  # else nothing is left to do
    assert outcome.failure == ""
    assert outcome.status["work.first"] == "evaluated"
    assert outcome.status["work.last"] == status_of_last
    assert outcome.materialized[0] == "work.first"
    assert len(outcome.materialized) == len(set(outcome.materialized))
    statuses = [asset for asset, check in outcome.check_metadata if check == STATUS]
    assert sorted(statuses) == ["work.first", "work.last", "work.mover"]


def test_an_edge_that_was_promoted_the_other_way_round(workplace: Path) -> None:
    """Dagster expects a parent before its child; the run reports them in SQLMesh's order."""
    files = {
        "models/a.sql": model("work.a", "SELECT 1 AS id", kind="FULL"),
        "models/b.sql": model("work.b", "SELECT id FROM work.a", kind="FULL"),
    }
    shop = workshop.make(workplace, files)
    write(shop, "b", "SELECT 1 AS id")
    write(shop, "a", "SELECT id FROM work.b")
    workshop.plan(shop)
    outcome = materialize(shop)

    assert outcome.failure == ""
    assert outcome.materialized == ["work.b", "work.a"]
    assert outcome.status == {"work.a": "evaluated", "work.b": "evaluated"}


def test_a_gateway_with_another_default_catalog(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned as it should be, and no plan would make the names those of the package."""
    other = "  prd: {connection: {type: duckdb, database: prd.db}}"
    shop = workshop.make(workplace, {"models/a.sql": model("work.a", kind="FULL")}, gateways=other)
    config = shop.project / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("default_gateway: local", "default_gateway: prd"))
    workshop.plan(shop)
    config.write_text(text)
    monkeypatch.setenv("DG_SQLMESH_GATEWAY", "prd")
    module = shop.definitions()
    found = doctor(module.MODELS, module.defs.resources["sqlmesh"], None)
    (problem,) = [finding.what for finding in found if finding.severity is Severity.PROBLEM]
    reason = tick(shop, datetime(2026, 11, 6, tzinfo=UTC))
    assert isinstance(reason, dg.SkipReason)

    for said in (materialize(shop).failure, str(reason.skip_message), problem):
        assert "has shop.work.a, and the SQLMesh environment has prd.work.a (1 model)" in said
        assert "plan prod" not in said
