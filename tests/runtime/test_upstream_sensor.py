"""Ticks of the upstream sensor: what has landed, and which models have not seen it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource, upstream_sensor
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results.model_results import EVALUATED, EVALUATED_AT


def model(name: str, *deps: str, runs: bool = True) -> ModelAsset:
    return ModelAsset(f'"{name}"', dg.AssetSpec(name, deps=[*deps]), run_on_upstream=runs)


# raw -> a -> b -> c; other -> d; `own` reads itself and is below a model without the property.
MODELS = [
    model("c", "b"),
    model("b", "a", "b"),
    model("a", "raw"),
    model("d", "other", "a"),
    model("stop", "raw", runs=False),
    model("below", "stop"),
]


class Sensor:
    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def tick(self, models: Sequence[ModelAsset] = MODELS) -> dg.RunRequest | dg.SkipReason:
        context = dg.build_sensor_context(self.instance, cursor=self.cursor)
        result = upstream_sensor.tick(context, models, {"pool": "x"})
        self.cursor = context.cursor
        return result

    def requested(self, models: Sequence[ModelAsset] = MODELS) -> list[str]:
        result = self.tick(models)
        if isinstance(result, dg.SkipReason):
            return []
        return [key.to_user_string() for key in result.asset_selection or ()]

    def said(self) -> str:
        result = self.tick()
        assert isinstance(result, dg.SkipReason)
        return str(result.skip_message)


@pytest.fixture
def sensor(instance: dg.DagsterInstance) -> Sensor:
    made = Sensor(instance)
    assert made.said() == "Nothing has landed upstream"  # history
    return made


def land(instance: dg.DagsterInstance, name: str = "raw") -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(name))


def run(instance: dg.DagsterInstance, *names: str) -> None:
    """Materialize assets in the given order in one run."""

    @dg.multi_asset(specs=[dg.AssetSpec(name) for name in names])
    def op() -> Iterator[dg.MaterializeResult[None]]:
        for name in names:
            yield dg.MaterializeResult(asset_key=name)

    assert dg.materialize([op], instance=instance).success


def test_what_landed_before_the_first_evaluation_is_history(instance: dg.DagsterInstance) -> None:
    land(instance)
    sensor = Sensor(instance)
    assert sensor.requested() == []
    assert json.loads(sensor.cursor or "") == {"other": 0, "raw": 1}
    land(instance)
    assert sensor.requested() == ["a", "b", "d", "c"]


def test_exactly_the_models_downstream_are_requested_once(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    land(instance)
    land(instance)  # one run for both
    request = sensor.tick()
    assert isinstance(request, dg.RunRequest)
    # Nothing reaches `below`: the table of `stop` is as it was.
    assert {key.to_user_string() for key in request.asset_selection or ()} == {"a", "b", "c", "d"}
    assert request.tags == {
        "pool": "x",
        "sqlmesh/environment": "prod",
        "sqlmesh/landed": "raw",
    }
    assert request.run_key == "2"
    assert sensor.requested() == []
    land(instance, "other")
    assert sensor.requested() == ["d"]
    run(instance, "a")  # of the package, so it is no landing
    instance.report_runless_asset_event(dg.AssetObservation("raw"))
    land(instance, "unread")
    assert sensor.said() == "Nothing has landed upstream"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_landing_during_a_run_of_the_package_is_not_lost(
    sensor: Sensor, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    @dg.asset
    def stop() -> None: ...

    job = dg.Definitions([stop], jobs=[dg.define_asset_job("j", [stop])]).resolve_job_def("j")
    active = instance.create_run_for_job(job, status=status)
    land(instance)
    before = sensor.cursor
    assert sensor.said().startswith(f"Another SQLMesh run is active: {active.run_id}")
    assert sensor.cursor == before
    instance.delete_run(active.run_id)
    assert sensor.requested() == ["a", "b", "d", "c"]


def test_models_that_ran_since_are_not_requested(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    land(instance)
    run(instance, "a", "b", "d")
    assert sensor.requested() == ["c"]
    run(instance, "c")
    land(instance)
    run(instance, "b", "c")  # not through `a`: they have not seen it
    assert sensor.requested() == ["a", "b", "d", "c"]
    land(instance)
    run(instance, "b")
    run(instance, "a", "d", "c")
    assert sensor.requested() == ["b", "c"]
    land(instance)
    run(instance, "a", "b", "c", "d")
    assert sensor.said().startswith("Every model downstream has run since ")


def test_a_run_of_the_asset_and_the_models_has_seen_it(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    run(instance, "raw", "a", "b", "c", "d")
    assert sensor.requested() == []
    run(instance, "a", "raw", "b", "c", "d")
    assert sensor.requested() == ["a", "b", "d", "c"]


def test_a_report_of_a_plan_is_no_run(sensor: Sensor, instance: dg.DagsterInstance) -> None:
    land(instance)
    for name in "abcd":
        facts = {EVALUATED_AT: dg.TimestampMetadataValue(2e9)}
        instance.report_runless_asset_event(dg.AssetMaterialization(name, metadata=facts))
    assert sensor.requested() == ["a", "b", "d", "c"]


def test_a_model_of_another_package_that_was_not_due_is_no_landing(
    sensor: Sensor, instance: dg.DagsterInstance
) -> None:
    not_due = dg.AssetMaterialization("raw", metadata={EVALUATED: False})
    instance.report_runless_asset_event(not_due)
    assert sensor.said() == "Nothing has landed upstream"
    land(instance)
    instance.report_runless_asset_event(not_due)
    assert sensor.requested() == ["a", "b", "d", "c"]
    instance.report_runless_asset_event(not_due)
    assert sensor.requested() == []


def test_the_cursor_survives_other_models(sensor: Sensor, instance: dg.DagsterInstance) -> None:
    land(instance, "new")  # before a model reads it
    new = model("e", "new")
    assert sensor.requested([*MODELS, new]) == []
    land(instance)
    assert sensor.requested([model("d", "other"), new]) == []  # no model reads `raw`
    assert json.loads(sensor.cursor or "") == {"new": 1, "other": 0}
    land(instance, "new")
    assert sensor.requested([*MODELS, new]) == ["e"]
    sensor.cursor = "from the UI"
    assert sensor.requested() == []
    assert json.loads(sensor.cursor)["raw"] == 2


@pytest.mark.parametrize("cursor", ["yesterday", "[]", "7", '{"raw": "yesterday"}'])
def test_a_cursor_that_somebody_wrote_is_history(
    sensor: Sensor, instance: dg.DagsterInstance, cursor: str
) -> None:
    land(instance)
    sensor.cursor = cursor
    assert sensor.requested() == []
    land(instance)
    assert sorted(sensor.requested()) == ["a", "b", "c", "d"]


def test_only_prod_is_run(instance: dg.DagsterInstance) -> None:
    resource = SQLMeshResource(project_dir="/project", environment="dev")
    context = dg.build_sensor_context(instance)
    result = resource.upstream_tick(context, MODELS, pool="x")
    assert isinstance(result, dg.SkipReason)
    assert "The environment is 'dev'" in str(result.skip_message)
    assert context.cursor is None
