"""What SQLMesh evaluated without Dagster is reported once."""

from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import Mock

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import held_back, plan_reports, schedule
from dg_sqlmesh_codegen.runtime.due import Due, DueModels, Evaluated
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import (
    DueModel,
    EnvironmentRead,
    ModelFailed,
    PromotedModel,
    RunPlanned,
)
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results.run_results import RunResults
from dg_sqlmesh_codegen.runtime.run_target import RetryFailed, Target
from dg_sqlmesh_codegen.runtime.selection import Selection

ORDERS = dg.AssetKey(["s", "orders"])
AT_MS = 1_795_000_000_123
DAY = (1_793_664_000_000, 1_793_750_400_000)
EVALUATED = Evaluated("v1", (DAY,), AT_MS, "plan or run")
TARGET = Target(("/project",), "prod")
# A chain: every model reads the one before it.
CHAIN = ["z", "m", "a"]


def fqn(name: str) -> str:
    return f'"s"."{name}"'


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["s", name])


def models(*names: str) -> list[ModelAsset]:
    return [ModelAsset(fqn(name), dg.AssetSpec(key(name))) for name in sorted(names)]


def report(instance: dg.DagsterInstance, evaluated: Evaluated) -> bool:
    """Return whether a tick reports the model `orders`."""
    due = DueModels({}, parents={fqn("orders"): ()}, evaluated={fqn("orders"): evaluated})
    return bool(plan_reports.report_in_tick(instance, models("orders"), due))


def latest(instance: dg.DagsterInstance, asset: dg.AssetKey = ORDERS) -> dg.AssetMaterialization:
    event = instance.get_latest_materialization_event(asset)
    assert event
    assert event.asset_materialization
    return event.asset_materialization


def test_a_report_says_what_the_state_says(instance: dg.DagsterInstance) -> None:
    assert report(instance, EVALUATED)

    event = latest(instance)
    assert {name: value.value for name, value in event.metadata.items()} == {
        "sqlmesh/snapshot_version": "v1",
        "sqlmesh/intervals": [["2026-11-03T00:00:00+00:00", "2026-11-04T00:00:00+00:00"]],
        "sqlmesh/evaluated_by": "plan or run",
        "sqlmesh/evaluated_at": AT_MS / 1000,
    }
    assert (event.tags or {})["dagster/data_version"] == f"v1-{AT_MS}"


def test_a_report_names_the_view_of_a_development_environment() -> None:
    made = plan_reports.result(ORDERS, replace(EVALUATED, view="s__dev.orders"))

    assert (made.metadata or {})["dagster/table_name"] == "s__dev.orders"


@pytest.mark.parametrize(
    ("then", "again"),
    [
        (EVALUATED, False),
        (replace(EVALUATED, at_ms=AT_MS + 1), True),  # a restatement: the intervals are the same
        (replace(EVALUATED, version="v2", at_ms=AT_MS - 1), True),  # an old version is back
    ],
)
def test_it_is_repeated_only_after_another_evaluation(
    instance: dg.DagsterInstance, then: Evaluated, again: bool
) -> None:
    """Also where the clock of the plan's host is ahead of Dagster's."""
    ahead = 10**12
    report(instance, replace(EVALUATED, at_ms=AT_MS + ahead))

    assert report(instance, replace(then, at_ms=(then.at_ms or 0) + ahead)) is again
    assert not report(instance, replace(then, at_ms=(then.at_ms or 0) + ahead))


@pytest.mark.parametrize(
    ("version", "seconds", "reported"),
    [("v1", -1, False), ("v1", 1, True), ("v2", -1, True), (None, -1, False), (None, 1, True)],
)
def test_results_of_runs_are_known_by_their_time(
    instance: dg.DagsterInstance, version: str | None, seconds: float, reported: bool
) -> None:
    """0.1.0 wrote no version, and neither does "Report materialization" in the UI."""
    metadata = {"sqlmesh/snapshot_version": version} if version else {}
    instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS, metadata=metadata))
    event = instance.get_latest_materialization_event(ORDERS)
    assert event

    state = replace(EVALUATED, at_ms=int((event.timestamp + seconds) * 1000))
    assert report(instance, state) is reported


def test_evaluations_without_a_time_are_known_by_their_version(
    instance: dg.DagsterInstance,
) -> None:
    """SQLMesh before 0.224 does not write it down."""
    state = replace(EVALUATED, at_ms=None)

    assert report(instance, state)
    assert "sqlmesh/evaluated_at" not in latest(instance).metadata
    assert not report(instance, state)
    assert report(instance, replace(state, version="v2"))


def due_chain(*due: str, evaluated: str = "zma") -> DueModels:
    """Return a state in which these models of the chain are due, and those were evaluated."""
    parents = dict(zip(map(fqn, CHAIN), [[], *([fqn(name)] for name in CHAIN)], strict=False))
    return DueModels(
        {fqn(name): Due(0) for name in due},
        parents=parents,
        evaluated={fqn(name): EVALUATED for name in evaluated},
    )


def test_a_tick_reports_upstream_first_and_leaves_out_what_is_due(
    stored_instance: dg.DagsterInstance, due_models: Mock
) -> None:
    instance = stored_instance
    context = dg.build_schedule_context(instance, scheduled_execution_time=datetime.now(UTC))

    def tick(due: DueModels, *, report_plans: bool) -> None:
        due_models.read_due_models.return_value = due
        package = models("a", "m", "not_promoted", "z")
        schedule.Tick(context, TARGET, package, RetryFailed.NEXT_CRON, report_plans).answer()

    tick(due_chain("m"), report_plans=False)
    # The view of a model that is evaluated, and not promoted yet, is still the old one.
    tick(replace(due_chain("m"), unfinished_plan="plan-3"), report_plans=True)
    assert not instance.get_asset_records()
    tick(due_chain("m"), report_plans=True)
    ids = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_storage_id or 0
        for record in instance.get_asset_records()
    }
    assert sorted(ids, key=lambda asset: ids[asset]) == [key("z"), key("a")]


def test_a_tick_leaves_the_rest_to_the_next_one(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_reports, "_MOST_PER_TICK", 2)

    def reported() -> list[dg.AssetKey]:
        return plan_reports.report_in_tick(instance, models(*CHAIN), due_chain())

    assert reported() == [key("z"), key("m")]
    assert reported() == [key("a")]
    assert reported() == []


def sync(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    @dg.op
    def sqlmesh_sync(context: dg.OpExecutionContext) -> None:
        plan_reports.sync(context, TARGET, models(*CHAIN))

    job = dg.GraphDefinition("sqlmesh_sync_job", node_defs=[sqlmesh_sync]).to_job()
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_a_sync_leaves_out_what_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, due_models: Mock
) -> None:
    due_models.read_due_models.return_value = due_chain("m", "a")
    monkeypatch.setattr(held_back, "held_back", lambda *_: {fqn("a"): "run-7"})

    def reported() -> list[dg.AssetKey | None]:
        result = sync(instance)
        assert result.success
        return [
            each.step_materialization_data.materialization.asset_key
            for each in result.all_events
            if each.is_step_materialization
        ]

    assert reported() == [key("z"), key("m")]
    assert reported() == []


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (SetupError("never planned", "Plan."), "never planned. Plan."),
        (StateBusyError("run 7"), "Another process is using SQLMesh's state: run 7"),
        (
            DueModels({}, unfinished_plan="plan-3"),
            "The SQLMesh environment 'prod' is being updated by the plan plan-3. If that plan "
            "failed, run `sqlmesh -p /project plan prod`.",
        ),
    ],
)
def test_a_sync_says_why_it_reports_nothing(
    instance: dg.DagsterInstance, due_models: Mock, state: Exception | DueModels, text: str
) -> None:
    due_models.read_due_models.side_effect = [state]  # returned, or raised

    failed = sync(instance).failure_data_for_node("sqlmesh_sync")
    assert failed
    assert failed.user_failure_data
    assert failed.user_failure_data.description == text


def run_of(*planned: DueModel, package: str = "zma", evaluated: str = "zma") -> RunResults:
    """Return the results of a run on the chain after SQLMesh has planned it."""
    selection = Selection(frozenset(map(key, package)), frozenset(), "run-2")
    made = RunResults(models(*package), selection)
    parents = [(), *((fqn(name),) for name in CHAIN)]
    promoted = [
        PromotedModel(fqn(name), "1", upstream, None)
        for name, upstream in zip(CHAIN, parents, strict=False)
    ]
    state = {fqn(name): EVALUATED for name in evaluated}
    for event in (EnvironmentRead(tuple(promoted), "sqlmesh plan", state), RunPlanned(planned)):
        list(made.handle(event))
    return made


def test_a_run_reports_once_and_upstream_first_what_it_does_not_evaluate() -> None:
    run = run_of()
    assert list(run.take_evaluated_before()) == [key("z"), key("m"), key("a")]
    assert run.take_evaluated_before() == {}

    run = run_of(DueModel(fqn("m"), batches=1, version="v1"), evaluated="zm", package="zm")
    assert list(run.take_evaluated_before()) == [key("z")]
    waiting = run_of(DueModel(fqn("m"), batches=0, version="v1"))
    assert key("m") in waiting.take_evaluated_before()
    failed = run_of()
    list(failed.handle(ModelFailed(fqn("m"), "no", "no")))
    assert list(failed.take_evaluated_before()) == [key("z"), key("a")]


def test_reports_below_a_model_that_runs_are_not_yielded() -> None:
    """Dagster refuses the result of a model after that of a model below it."""
    run = run_of(DueModel(fqn("m"), batches=1, version="v1"))

    assert run.below_running() == {key("a")}
