"""Dagster refuses an asset after one of its children."""

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results.run_results import SQLMeshResult
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.step import YieldOrder

PARENTS: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"], "d": ["a"]}
MODELS = [ModelAsset(name, dg.AssetSpec(name, deps=deps)) for name, deps in PARENTS.items()]


def result(name: str) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(asset_key=name)


@pytest.mark.parametrize(
    ("yielded", "accepted"),
    [
        (result("a"), False),  # its child b was yielded
        (result("d"), True),
        (result("c"), False),  # not in the step
        (dg.AssetCheckResult(passed=True, asset_key="a", check_name="x"), True),
        (dg.AssetCheckResult(passed=True, asset_key="c", check_name="x"), False),
    ],
)
def test_what_dagster_accepts_after_b(yielded: SQLMeshResult, accepted: bool) -> None:
    assets = frozenset(dg.AssetKey(name) for name in "abd")
    checks = frozenset([dg.AssetCheckKey(dg.AssetKey("a"), "x")])
    order = YieldOrder(MODELS, Selection(assets, checks, "run-1"))

    assert order.accepts(result("b"))
    assert order.accepts(yielded) is accepted
