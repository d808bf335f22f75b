"""What a step yields, and what it logs at its end."""

from unittest.mock import MagicMock

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.dagster import compat
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results.run_results import RunResults, SQLMeshResult
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.step import Step, YieldOrder

PARENTS: dict[str, list[str]] = {"a": [], "b": ["a"], "c": ["b"], "d": ["a"]}
MODELS = [ModelAsset(name, dg.AssetSpec(name, deps=deps)) for name, deps in PARENTS.items()]


def result(name: str) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(asset_key=name)


@pytest.mark.parametrize(
    ("yielded", "accepted"),
    [
        (result("a"), False),  # its child b was yielded
        (result("b"), False),  # reported, and evaluated after a restart: one result of an asset
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


@pytest.mark.parametrize(("is_retry", "warnings"), [(False, 1), (True, 0)])
def test_a_retry_does_not_say_what_is_held_back(
    monkeypatch: pytest.MonkeyPatch, is_retry: bool, warnings: int
) -> None:
    """The first attempt can have yielded the models above these assets: Dagster runs them."""
    monkeypatch.setattr(compat, "downstream", lambda *_: ["own"])
    selection = Selection(frozenset([dg.AssetKey("a")]), frozenset(), "run-1", is_retry)
    context, run = MagicMock(), MagicMock()
    step = Step(context, run, RunResults(MODELS, selection))

    list(step.execute())
    assert context.log.warning.call_count == warnings
