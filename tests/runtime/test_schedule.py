"""Ticks of the schedule, with a list of due models in place of SQLMesh."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest.mock import Mock

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import held_back, plan_reports, schedule
from dg_sqlmesh_codegen.runtime.dagster import run_log
from dg_sqlmesh_codegen.runtime.due import Due, DueModels
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.records import Audit, AuditCheck, ModelAsset
from dg_sqlmesh_codegen.runtime.run_target import RetryFailed, Target

AT, NEXT = datetime(2026, 11, 6, tzinfo=UTC), datetime(2026, 11, 7, tzinfo=UTC)
TARGET = Target(("/project",), "prod")
STARTED = dg.DagsterRunStatus.STARTED
STANDALONE = AuditCheck(Audit("assert_a", "SELECT 1", standalone=True))
MODELS = [
    ModelAsset('"a"', dg.AssetSpec("a"), (STANDALONE,)),
    ModelAsset('"b"', dg.AssetSpec("b"), (AuditCheck(Audit("n", "SELECT 1")),)),
]
# `shared` is in both jobs, and `alone` in none.
OF_JOBS = [
    ModelAsset('"alone"', dg.AssetSpec("alone")),
    ModelAsset('"first"', dg.AssetSpec("first"), jobs=["first"]),
    ModelAsset('"second"', dg.AssetSpec("second"), (STANDALONE,), jobs=["second"]),
    ModelAsset('"shared"', dg.AssetSpec("shared"), jobs=["first", "second"]),
]


@pytest.fixture
def instance(stored_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    return stored_instance


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
    return schedule.Tick(context, TARGET, MODELS, retry_failed, report_plans=False).answer()


@contextmanager
def active(
    instance: dg.DagsterInstance, name: str, *models: str, **tags: str
) -> Iterator[dg.DagsterRun]:
    """An active run of a job with this name; of all models, if none is named."""

    @dg.multi_asset(specs=[each.spec for each in (*MODELS, *OF_JOBS)], can_subset=True)
    def op() -> Iterator[dg.MaterializeResult[None]]:
        yield from ()

    keys = [dg.AssetKey(each) for each in models]
    made = dg.Definitions([op], jobs=[dg.define_asset_job(name, selection=keys or [op])])
    run = instance.create_run_for_job(
        made.resolve_job_def(name),
        status=STARTED,
        tags={f"sqlmesh/{tag}": value for tag, value in tags.items()},
        asset_selection=frozenset(keys) or None,
    )
    yield run
    instance.delete_run(run.run_id)


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


def test_during_a_run_the_rest_is_requested(
    instance: dg.DagsterInstance, due_models: Mock, capfd: pytest.CaptureFixture[str]
) -> None:
    """A daily tick would lose its day."""
    with active(instance, "j", "a") as run:
        request = tick(instance, due_models, '"a"', '"b"')
        assert isinstance(request, dg.RunRequest)
        assert request.asset_selection == [dg.AssetKey("b")]
        left = f"Another SQLMesh run is active: {run.run_id} (started"
        assert f"Not requested again: a. {left}" in capfd.readouterr().err
        skipped = tick(instance, due_models, '"a"')
        assert isinstance(skipped, dg.SkipReason)
        assert str(skipped.skip_message).startswith(left)
        due_models.read_due_models.assert_called_with(TARGET, AT, during_runs=True)


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


def tick_of(
    job: str, instance: dg.DagsterInstance, due_models: Mock, *fqns: str, during_run: bool = False
) -> tuple[list[str], list[str]]:
    """Return the models and standalone audits that a tick requests; a reason in their place."""
    due = DueModels({fqn: Due(since=AT.timestamp()) for fqn in fqns}, during_run=during_run)
    due_models.read_due_models.return_value = due
    context = dg.build_schedule_context(instance, scheduled_execution_time=AT)
    found = schedule.Tick(
        context, TARGET, OF_JOBS, RetryFailed.EVERY_TICK, report_plans=True, job=job
    ).answer()
    due_models.read_due_models.assert_called_with(TARGET, AT, during_runs=True)
    if isinstance(found, dg.SkipReason):
        return [str(found.skip_message)], []
    names = {key.name for key in found.asset_check_keys or ()}
    keys = [key.to_user_string() for key in found.asset_selection or ()]
    return keys, sorted(names & {STANDALONE.audit.name})


ALL = ['"alone"', '"first"', '"second"', '"shared"', "assert_a"]


def test_a_tick_of_a_job_requests_what_is_due_of_it(
    instance: dg.DagsterInstance, due_models: Mock
) -> None:
    assert tick_of("first", instance, due_models, *ALL) == (["first", "shared"], [])
    assert tick_of("second", instance, due_models, *ALL) == (["second", "shared"], [])
    assert tick_of("second", instance, due_models, "assert_a") == ([], ["assert_a"])
    nothing: tuple[list[str], list[str]] = (["No model of the job first is due"], [])
    assert tick_of("first", instance, due_models, '"second"', "assert_a") == nothing


def test_a_tick_during_a_run_of_another_job_requests_the_rest(
    instance: dg.DagsterInstance, due_models: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Mock(return_value=[])
    monkeypatch.setattr(f"{plan_reports.__name__}.report_in_tick", report)
    with active(instance, "first", "first", "shared") as run:
        assert tick_of("second", instance, due_models, *ALL) == (["second"], [])
        (reason,), _ = tick_of("second", instance, due_models, '"shared"', '"first"')
        assert reason.startswith(f"Another SQLMesh run is active: {run.run_id} (started")
    # A launch of the whole other job, whose run has no selection. The state is not read.
    with active(instance, "other"):
        due_models.read_due_models.reset_mock()
        context = dg.build_schedule_context(instance, scheduled_execution_time=AT)
        found = schedule.Tick(
            context, TARGET, OF_JOBS, RetryFailed.EVERY_TICK, report_plans=True, job="second"
        ).answer()
        assert isinstance(found, dg.SkipReason)
        assert "is active" in str(found.skip_message)
        due_models.read_due_models.assert_not_called()
    tick_of("second", instance, due_models, *ALL, during_run=True)  # of another code location
    report.assert_not_called()  # the results of the run are not all stored
    tick_of("second", instance, due_models, *ALL)
    report.assert_called_once()


def test_a_run_of_checks_alone_evaluates_nothing(
    instance: dg.DagsterInstance, due_models: Mock
) -> None:
    checks = {dg.AssetCheckKey(dg.AssetKey("second"), name) for name in ("assert_a", "other")}
    run = dg.DagsterRun("__ASSET_JOB", asset_check_selection=checks, status=STARTED)
    due = dg.DagsterRun(
        "second", asset_check_selection=checks, status=STARTED, tags={run_log.DUE_TAG: "true"}
    )

    instance.add_run(run)
    assert tick_of("second", instance, due_models, *ALL) == (["second", "shared"], [])
    instance.add_run(due)
    assert tick_of("first", instance, due_models, *ALL) == (["first", "shared"], [])
    instance.delete_run(run.run_id)
    instance.delete_run(due.run_id)


def test_what_a_package_of_a_part_does_not_hold_is_not_mentioned(
    instance: dg.DagsterInstance, due_models: Mock
) -> None:
    due_models.read_due_models.return_value = DueModels({'"new"': Due(since=AT.timestamp())})
    context = dg.build_schedule_context(instance, scheduled_execution_time=AT)
    found = schedule.Tick(
        context, TARGET, MODELS, RetryFailed.EVERY_TICK, report_plans=False, partial=True
    ).answer()

    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == "No model is due"
