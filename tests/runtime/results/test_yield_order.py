"""Dagster refuses an asset after one of its children."""

from __future__ import annotations

import dagster as dg

from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results.yield_order import YieldOrder


def chain() -> YieldOrder:
    """The edges of a package; the step has everything but c."""
    models = [
        ModelAsset('"a"', dg.AssetSpec("a")),
        ModelAsset('"b"', dg.AssetSpec("b", deps=["a"])),
        ModelAsset('"c"', dg.AssetSpec("c", deps=["b"])),
        ModelAsset('"d"', dg.AssetSpec("d", deps=["a"])),
    ]
    return YieldOrder(models, {dg.AssetKey(name) for name in "abd"})


def result(name: str) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(asset_key=name)


def test_a_parent_is_not_allowed_after_its_child() -> None:
    order = chain()
    assert order.allows(result("b"))
    order.add(result("b"))

    assert not order.allows(result("a"))
    assert order.allows(result("d"))


def test_a_check_is_always_allowed() -> None:
    order = chain()
    order.add(result("b"))

    assert order.allows(dg.AssetCheckResult(passed=True, asset_key="a", check_name="x"))


def test_an_asset_outside_the_step_is_not_allowed() -> None:
    assert not chain().allows(result("c"))
