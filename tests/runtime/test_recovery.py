"""What a run evaluated and did not live to report is found, and reported in the right order."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.events import (
    EnvironmentRead,
    ModelFailed,
    PromotedModel,
    RunPlanned,
)
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.recovery import lost
from dg_sqlmesh_codegen.runtime.results import failures
from dg_sqlmesh_codegen.runtime.results.progress import Errors
from dg_sqlmesh_codegen.runtime.results.run_results import RunResults
from dg_sqlmesh_codegen.runtime.selection import Selection, Unheard

ORDERS, SALES = dg.AssetKey(["s", "orders"]), dg.AssetKey(["s", "sales"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _dying(error: Exception) -> Iterator[dg.MaterializeResult[None]]:
    raise error


def failed_run(
    instance: dg.DagsterInstance, *keys: dg.AssetKey, error: Exception | None = None
) -> tuple[str, float]:
    """Run an op of these assets that fails; return the run's id and a time in the middle of it."""
    times: list[float] = []

    @dg.multi_asset(specs=[dg.AssetSpec(key, skippable=True) for key in keys])
    def dies() -> Iterator[dg.MaterializeResult[None]]:
        times.append(time.time())
        yield from _dying(error or RuntimeError("killed"))

    result = dg.materialize([dies], instance=instance, raise_on_error=False)
    return result.run_id, times[0]


def unheard(key: dg.AssetKey, altered: float) -> Unheard:
    return Unheard(key, ".".join(f'"{part}"' for part in key.path), altered)


def test_the_run_that_was_at_work_is_found(instance: dg.DagsterInstance) -> None:
    first, then = failed_run(instance, ORDERS)
    second, later = failed_run(instance, ORDERS, SALES)

    assert lost(instance, [unheard(ORDERS, then)]) == {ORDERS: first}
    both = [unheard(ORDERS, later), unheard(SALES, later)]
    assert lost(instance, both) == {ORDERS: second, SALES: second}


def test_what_a_run_said_has_failed_is_not_lost(instance: dg.DagsterInstance) -> None:
    """Some batches of it were evaluated, and one was not: that is no materialization."""
    failed = Errors([ModelFailed('"s"."orders"', "no", "no")])
    failure = failures.of_models({'"s"."orders"': failed}, [], None)
    run_id, then = failed_run(instance, ORDERS, SALES, error=failure)

    both = [unheard(ORDERS, then), unheard(SALES, then)]
    assert lost(instance, both) == {SALES: run_id}


def test_what_no_run_evaluated_is_not_lost(instance: dg.DagsterInstance) -> None:
    _, then = failed_run(instance, ORDERS)

    assert lost(instance, []) == {}
    assert lost(instance, [unheard(SALES, then)]) == {}  # the run did not plan it
    assert lost(instance, [unheard(ORDERS, then - 3600)]) == {}  # before any run: a plan
    assert lost(instance, [unheard(ORDERS, then + 3600)]) == {}  # after it: a plan, too


def test_what_was_reported_is_not_lost(instance: dg.DagsterInstance) -> None:
    _, then = failed_run(instance, ORDERS)
    instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))

    assert lost(instance, [unheard(ORDERS, then)]) == {}


def model(name: str) -> ModelAsset:
    return ModelAsset(f'"s"."{name}"', dg.AssetSpec(["s", name]))


def results(*names: str) -> RunResults:
    """Results of a run of a chain of models, of which none was due."""
    models = [model(name) for name in sorted(names)]
    selection = Selection(
        frozenset(each.spec.key for each in models),
        frozenset(check.key for each in models for check in each.check_specs),
        "run-2",
    )
    made = RunResults(models, selection)
    parents = [(), *((f'"s"."{name}"',) for name in names)]
    promoted = [
        PromotedModel(f'"s"."{name}"', "1", upstream, None, altered=5000, version="v1")
        for name, upstream in zip(names, parents, strict=False)
    ]
    for event in (EnvironmentRead(tuple(promoted), "sqlmesh plan"), RunPlanned(())):
        list(made.handle(event))
    return made


def test_upstream_comes_first() -> None:
    made = results("z", "m", "a")
    assert {each.key: each.altered for each in made.unheard()} == {
        dg.AssetKey(["s", name]): 5.0 for name in "zma"
    }

    found = [*made.finish(lost={dg.AssetKey(["s", name]): "run-1" for name in "amz"})]

    materialized = [each for each in found if isinstance(each, dg.MaterializeResult)]
    assert [each.asset_key for each in materialized] == [
        dg.AssetKey(["s", name]) for name in ("z", "m", "a")
    ]
    assert len(found) == len(materialized)  # and nobody says "not due" of them
    version = materialized[0].data_version
    assert version
    assert version.value == "v1-run-1"
