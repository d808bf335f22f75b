"""Turns a tick of the schedule into a run of the due models, or a reason to skip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from threading import Lock

import dagster as dg

from . import held_back, plan_reports
from .concurrency.exclusivity import active_run, skip_reason
from .dagster import run_log
from .due import DueModels
from .errors import StateBusyError
from .records import ModelAsset, ModelCheck
from .results import drift
from .run_target import RetryFailed, Target
from .text import display_name, shortened

# A code server evaluates ticks in threads, and in a process SQLMesh opens each DuckDB file once.
_ONE_TICK = Lock()


def tick(
    context: dg.ScheduleEvaluationContext,
    target: Target,
    models: Sequence[ModelAsset],
    retry_failed: RetryFailed,
    report_plans: bool,
) -> dg.RunRequest | dg.SkipReason:
    """Ask SQLMesh's state which models are due at the time of the tick.

    Only due models are requested: Dagster shows an asset that a run planned and did not materialize
    as failed or missing. `retry_failed` says whether due models that failed are requested, too, and
    `report_plans` whether evaluations without Dagster are reported.

    Raises:
        SetupError: the project, its state or the environment is not ready. The tick fails.
    """
    keys = [model.spec.key for model in models]
    running = active_run(context.instance, keys, target.environment)
    if running:
        return dg.SkipReason(skip_reason(running, datetime.now(UTC)))

    # Imports SQLMesh: at execution time only.
    from .sqlmesh import due_models  # noqa: PLC0415

    at = context.scheduled_execution_time.astimezone(UTC)
    try:
        with _ONE_TICK:
            due = due_models.read_due_models(target, at)
            # A view that is not promoted yet is the old one: what reads it must not hear of it.
            if report_plans and not due.unfinished_plan:
                _report_plans(context, models, due)
    except StateBusyError as error:
        return dg.SkipReason(f"Another process is using SQLMesh's state: {error}")
    if due.unfinished_plan:
        return dg.SkipReason(target.being_updated(due.unfinished_plan))
    held: dict[str, str] = {}
    if retry_failed is RetryFailed.NEXT_CRON:
        held = held_back.held_back(context.instance, target.environment, due, models)
    request = _request(due.models.keys() - held.keys(), models, target.environment)
    known = {model.fqn for model in models} | {check.audit.name for check in _standalone(models)}
    unknown = due.models.keys() - known
    problems = [held_back.reason(held)] if held else []
    problems += [drift.not_in_package(unknown, known)] if unknown else []
    for problem in problems:
        context.log.warning(problem)
    if request is None and problems:
        return dg.SkipReason(f"Nothing that is due can run. {' '.join(problems)}")
    return request or dg.SkipReason(_nothing_due(due))


def _report_plans(
    context: dg.ScheduleEvaluationContext, models: Sequence[ModelAsset], due: DueModels
) -> None:
    """Report what is not due. A model that is due is reported by the run that is requested."""
    reported = plan_reports.report_in_tick(context.instance, models, due)
    if reported:
        context.log.info(plan_reports.message(reported))


def _request(
    due: Collection[str], models: Sequence[ModelAsset], environment: str
) -> dg.RunRequest | None:
    """Request the due models with all their checks, and the due standalone audits."""
    selected = [model for model in models if model.fqn in due]
    audits = [check.spec.key for check in _standalone(models) if check.audit.name in due]
    if not selected and not audits:
        return None
    keys = [model.spec.key for model in selected]
    checks = [check.key for model in selected for check in model.check_specs]
    tags = {run_log.ENVIRONMENT_TAG: environment}
    if set(audits) <= set(checks):
        return dg.RunRequest(
            asset_selection=keys, tags=tags
        )  # Dagster adds the checks of the assets
    return dg.RunRequest(
        asset_selection=keys,
        asset_check_keys=list(dict.fromkeys([*checks, *audits])),
        tags=tags if keys else {**tags, run_log.DUE_TAG: "true"},
    )


def _standalone(models: Sequence[ModelAsset]) -> list[ModelCheck]:
    return [check for model in models for check in model.audit_checks if check.audit.standalone]


def _nothing_due(due: DueModels) -> str:
    if due.left_to_prod.waiting:
        names = shortened([display_name(fqn) for fqn in sorted(due.left_to_prod.waiting)])
        return f"These models wait for models that prod has not evaluated: {names}"
    if due.next_due is None:
        return "No model is due"
    return f"No model is due; the next one is at {due.next_due.isoformat(timespec='minutes')}"
