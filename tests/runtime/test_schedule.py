"""Ticks of the schedule, with a list of due models in place of SQLMesh."""

from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import Mock

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import held_back, schedule
from dg_sqlmesh_codegen.runtime import sqlmesh as host
from dg_sqlmesh_codegen.runtime.due import Due, DueModels
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.records import Audit, AuditCheck, ModelAsset
from dg_sqlmesh_codegen.runtime.run_target import RetryFailed, Target

AT, NEXT = datetime(2026, 11, 6, tzinfo=UTC), datetime(2026, 11, 7, tzinfo=UTC)
TARGET = Target(("/project",), "prod")
STANDALONE = AuditCheck(Audit("assert_a", "SELECT 1", standalone=True))
MODELS = [
    ModelAsset('"a"', dg.AssetSpec("a"), (STANDALONE,)),
    ModelAsset('"b"', dg.AssetSpec("b"), (AuditCheck(Audit("n", "SELECT 1")),)),
]


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def due_models(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock()
    # `from .sqlmesh import due_models` finds this attribute and does not import the module.
    monkeypatch.setattr(host, "due_models", made, raising=False)
    return made


def tick(
    instance: dg.DagsterInstance,
    due_models: Mock,
    *fqns: str,
    next_due: datetime | None = None,
    retry_failed: RetryFailed = RetryFailed.NEXT_CRON,
) -> dg.RunRequest | dg.SkipReason:
    due = DueModels({fqn: Due(since=AT.timestamp()) for fqn in fqns}, next_due)
    due_models.read_due_models.return_value = due
    context = dg.build_schedule_context(instance, scheduled_execution_time=AT)
    return schedule.tick(
        context, TARGET, MODELS, schedule.TickOptions(retry_failed, report_plans=False)
    )


@pytest.mark.parametrize(
    ("due", "assets", "checks"),
    [
        (['"b"', '"new"'], ["b"], None),  # Dagster adds the checks of the assets
        (['"b"', "assert_a"], ["b"], ["n", "sqlmesh_execution_status", "assert_a"]),
        (["assert_a"], [], ["assert_a"]),
    ],
)
def test_what_is_due_is_requested(
    instance: dg.DagsterInstance,
    due_models: Mock,
    due: list[str],
    assets: list[str],
    checks: list[str] | None,
) -> None:
    request = tick(instance, due_models, *due)

    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey(name) for name in assets]
    keys = request.asset_check_keys
    assert (None if keys is None else [key.name for key in keys]) == checks
    due_models.read_due_models.assert_called_once_with(TARGET, AT, during_runs=False)


def test_why_a_tick_skips(instance: dg.DagsterInstance, due_models: Mock) -> None:
    def reason(*fqns: str, next_due: datetime | None = None) -> str:
        skipped = tick(instance, due_models, *fqns, next_due=next_due)
        assert isinstance(skipped, dg.SkipReason)
        return str(skipped.skip_message)

    assert reason() == "No model is due"
    assert reason(next_due=NEXT) == "No model is due; the next one is at 2026-11-07T00:00+00:00"
    assert reason('"new"').startswith(
        "Nothing that is due can run. Promoted, but not in the generated package: 1 model (new). "
    )
    due_models.read_due_models.side_effect = StateBusyError("run 7")
    assert reason() == "Another process is using SQLMesh's state: run 7"

    @dg.asset
    def a() -> None: ...

    job = dg.Definitions([a], jobs=[dg.define_asset_job("j", [a])]).resolve_job_def("j")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert f"Another SQLMesh run is active: {run.run_id} (started" in reason()
    instance.delete_run(run.run_id)


def test_what_failed_is_not_requested_again(
    instance: dg.DagsterInstance, due_models: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{held_back.__name__}.held_back", lambda *_: {'"a"': "run-7"})

    request = tick(instance, due_models, '"a"', '"b"')
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey("b")]
    skipped = tick(instance, due_models, '"a"')
    assert isinstance(skipped, dg.SkipReason)
    assert "at the next tick of their own cron: a (run run-7)" in str(skipped.skip_message)
    request = tick(instance, due_models, '"a"', retry_failed=RetryFailed.EVERY_TICK)
    assert isinstance(request, dg.RunRequest)


def test_a_tick_fails_if_the_project_is_not_ready(
    instance: dg.DagsterInstance, due_models: Mock
) -> None:
    due_models.read_due_models.side_effect = SetupError("never planned")
    with pytest.raises(SetupError, match="never planned"):
        tick(instance, due_models)
