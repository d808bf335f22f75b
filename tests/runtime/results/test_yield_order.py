"""Dagster takes no asset after one that reads it, and says so only by refusing."""

from __future__ import annotations

import dagster as dg

from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results.yield_order import Order


def chain() -> Order:
    """The edges of a package; the step has everything but c."""
    models = [
        ModelAsset('"a"', dg.AssetSpec("a")),
        ModelAsset('"b"', dg.AssetSpec("b", deps=["a"])),
        ModelAsset('"c"', dg.AssetSpec("c", deps=["b"])),
        ModelAsset('"d"', dg.AssetSpec("d", deps=["a"])),
    ]
    return Order(models, {dg.AssetKey(name) for name in "abd"})


def result(name: str) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(asset_key=name)


def test_a_parent_comes_too_late_after_its_child() -> None:
    order = chain()
    assert order.allows(result("b"))
    order.note(result("b"))

    assert not order.allows(result("a"))
    assert order.allows(result("d"))


def test_a_check_is_always_in_time() -> None:
    order = chain()
    order.note(result("b"))

    assert order.allows(dg.AssetCheckResult(passed=True, asset_key="a", check_name="x"))


def test_what_the_step_does_not_have_it_may_not_yield() -> None:
    assert not chain().allows(result("c"))
