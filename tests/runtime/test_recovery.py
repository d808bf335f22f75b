"""Evaluations that a killed run did not report are found, and reported upstream first."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.dagster.run_log import ENVIRONMENT_TAG
from dg_sqlmesh_codegen.runtime.events import (
    EnvironmentRead,
    ModelFailed,
    PromotedModel,
    RunPlanned,
)
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.recovery import find_unreported
from dg_sqlmesh_codegen.runtime.results import failures
from dg_sqlmesh_codegen.runtime.results.progress import ModelErrors, RunState
from dg_sqlmesh_codegen.runtime.results.run_results import RunResults
from dg_sqlmesh_codegen.runtime.selection import Selection

ORDERS, SALES = dg.AssetKey(["s", "orders"]), dg.AssetKey(["s", "sales"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _failing(error: Exception) -> Iterator[dg.MaterializeResult[None]]:
    raise error


def failed_run(
    instance: dg.DagsterInstance,
    *keys: dg.AssetKey,
    error: Exception | None = None,
    environment: str = "prod",
) -> tuple[str, float]:
    """Run an op of these assets that fails; return the run's id and a time in the middle of it."""
    times: list[float] = []

    @dg.multi_asset(specs=[dg.AssetSpec(key, skippable=True) for key in keys])
    def fails() -> Iterator[dg.MaterializeResult[None]]:
        times.append(time.time())
        yield from _failing(error or RuntimeError("killed"))

    tags = {ENVIRONMENT_TAG: environment}
    result = dg.materialize([fails], instance=instance, raise_on_error=False, tags=tags)
    return result.run_id, times[0]


def found(
    instance: dg.DagsterInstance, altered: float, *keys: dg.AssetKey
) -> dict[dg.AssetKey, str]:
    """Return the runs that evaluated these models, whose intervals were written at that time."""
    models = {
        key: PromotedModel(f'"s"."{key.path[-1]}"', "1", (), None, altered_ms=int(altered * 1000))
        for key in keys
    }
    return find_unreported(instance, "prod", models)


def test_the_run_that_was_running_is_found(instance: dg.DagsterInstance) -> None:
    first, then = failed_run(instance, ORDERS)
    second, later = failed_run(instance, ORDERS, SALES)

    assert found(instance, then, ORDERS) == {ORDERS: first}
    assert found(instance, later, ORDERS, SALES) == {ORDERS: second, SALES: second}


def test_later_failures_of_other_jobs_do_not_hide_a_run(instance: dg.DagsterInstance) -> None:
    run_id, then = failed_run(instance, ORDERS)

    @dg.op
    def other() -> None: ...

    job = dg.GraphDefinition("other_job", node_defs=[other]).to_job()
    for _ in range(110):
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
    assert found(instance, then, ORDERS) == {ORDERS: run_id}


def test_a_batch_can_end_a_moment_after_its_run(instance: dg.DagsterInstance) -> None:
    run_id, _ = failed_run(instance, ORDERS)
    record = instance.get_run_record_by_id(run_id)

    assert record
    assert record.end_time
    assert found(instance, record.end_time + 2, ORDERS) == {ORDERS: run_id}


def test_runs_on_another_environment_are_left_out(instance: dg.DagsterInstance) -> None:
    _, then = failed_run(instance, ORDERS, environment="staging")

    assert found(instance, then, ORDERS) == {}


def test_a_model_that_a_run_reported_as_failed_is_left_out(instance: dg.DagsterInstance) -> None:
    """SQLMesh evaluated some of its batches, but not all."""
    failed = ModelErrors([ModelFailed('"s"."orders"', "no", "no")])
    failure = failures.of_step(RunState(failed={'"s"."orders"': failed}), None)
    run_id, then = failed_run(instance, ORDERS, SALES, error=failure)

    assert found(instance, then, ORDERS, SALES) == {SALES: run_id}


def test_a_model_that_no_run_evaluated_is_left_out(instance: dg.DagsterInstance) -> None:
    _, then = failed_run(instance, ORDERS)

    assert found(instance, then) == {}
    assert found(instance, then, SALES) == {}  # the run did not plan it
    assert found(instance, then - 3600, ORDERS) == {}  # before any run: a plan
    assert found(instance, then + 3600, ORDERS) == {}  # after it: a plan, too


def test_a_model_with_a_materialization_is_left_out(instance: dg.DagsterInstance) -> None:
    _, then = failed_run(instance, ORDERS)
    instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS))

    assert found(instance, then, ORDERS) == {}


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
        PromotedModel(f'"s"."{name}"', "1", upstream, None, altered_ms=5000, version="v1")
        for name, upstream in zip(names, parents, strict=False)
    ]
    for event in (EnvironmentRead(tuple(promoted), "sqlmesh plan"), RunPlanned(())):
        list(made.handle(event))
    return made


def test_recovered_models_are_yielded_upstream_first() -> None:
    made = results("z", "m", "a")
    assert {*made.unreported_models()} == {dg.AssetKey(["s", name]) for name in "zma"}

    yielded = [*made.finish(recovered={dg.AssetKey(["s", name]): "run-1" for name in "amz"})]

    materialized = [each for each in yielded if isinstance(each, dg.MaterializeResult)]
    assert [each.asset_key for each in materialized] == [
        dg.AssetKey(["s", name]) for name in ("z", "m", "a")
    ]
    assert len(yielded) == len(materialized)  # and none is reported as "not due"
    version = materialized[0].data_version
    assert version
    assert version.value == "v1-run-1"
