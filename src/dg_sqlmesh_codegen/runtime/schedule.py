"""Turns a tick of the schedule into a run of the due models, or a reason to skip."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import dagster as dg

from . import held_back, plan_reports
from .concurrency import exclusivity
from .dagster import run_log
from .due import DueModels
from .errors import StateBusyError
from .records import ModelAsset, ModelCheck
from .results import drift
from .run_target import RetryFailed, Target
from .text import display_name, shortened

# A code server evaluates ticks in threads, and in a process SQLMesh opens each DuckDB file once.
_ONE_TICK = Lock()


@dataclass(frozen=True, slots=True)
class TickOptions:
    """What a tick asks for.

    `retry_failed` says whether due models that failed are requested, too, and `report_plans`
    whether evaluations without Dagster are reported. With `job` the models of this job are
    requested. `partial` is whether the package holds only a part of the project's models.
    """

    retry_failed: RetryFailed
    report_plans: bool
    job: str | None = None
    partial: bool = False


def tick(
    context: dg.ScheduleEvaluationContext,
    target: Target,
    models: Sequence[ModelAsset],
    options: TickOptions,
) -> dg.RunRequest | dg.SkipReason:
    """Ask SQLMesh's state which models are due at the time of the tick.

    Only due models are requested: Dagster shows an asset that a run planned and did not materialize
    as failed or missing. A daily tick that skips because an hourly run is active would lose its
    day. So a tick requests what no active run has planned, and its run waits for the active one.

    Raises:
        SetupError: the project, its state or the environment is not ready. The tick fails.
    """
    keys = [model.spec.key for model in models]
    active = exclusivity.active_runs(context.instance, keys, target.environment)
    nothing_else = _nodes(models) <= _planned(context.instance, active, models)
    for record in active:
        if nothing_else or exclusivity.restates(record.dagster_run):
            return dg.SkipReason(exclusivity.skip_reason(record, datetime.now(UTC)))

    # Imports SQLMesh: at execution time only.
    from .sqlmesh import due_models  # noqa: PLC0415

    at = context.scheduled_execution_time.astimezone(UTC)
    try:
        with _ONE_TICK:
            shares = options.partial or options.job is not None or bool(active)
            due = due_models.read_due_models(target, at, during_runs=shares)
            if due.unfinished_plan:
                return dg.SkipReason(target.being_updated(due.unfinished_plan))
            if options.report_plans and not active and not due.during_run:
                _report_plans(context, models, due)
    except StateBusyError as error:
        return dg.SkipReason(f"Another process is using SQLMesh's state: {error}")
    held: dict[str, str] = {}
    if options.retry_failed is RetryFailed.NEXT_CRON:
        held = held_back.held_back(context.instance, target.environment, due, models)
    return _answer(context, _Due(target.environment, models, due, held, active), options)


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due in an environment, what of it failed and waits, and the active runs."""

    environment: str
    models: Sequence[ModelAsset]
    due: DueModels
    held: Mapping[str, str]
    active: Sequence[dg.RunRecord]


def _answer(
    context: dg.ScheduleEvaluationContext, found: _Due, options: TickOptions
) -> dg.RunRequest | dg.SkipReason:
    job = options.job
    models = [model for model in found.models if job is None or job in model.jobs]
    of_job = _nodes(models)
    known = _nodes(found.models)
    held = {fqn: run for fqn, run in found.held.items() if fqn in of_job or fqn not in known}
    unknown = found.due.models.keys() - known
    if options.partial:
        held = {fqn: run for fqn, run in held.items() if fqn in known}
        unknown = unknown if drift.in_other_catalogs(known, unknown) else set()
    problems = [held_back.reason(held)] if held else []
    problems += [drift.not_in_package(unknown, known)] if unknown else []
    for problem in problems:
        context.log.warning(problem)
    wanted = (found.due.models.keys() & of_job) - held.keys()
    free = wanted - _planned(context.instance, found.active, models)
    request = _request(free, models, found.environment)
    if free < wanted:
        left = exclusivity.skip_reason(found.active[0], datetime.now(UTC))
        if not request:
            return dg.SkipReason(left)
        names = shortened(sorted(map(display_name, wanted - free)))
        context.log.info(f"Not requested again: {names}. {left}")
    if request:
        return request
    if problems:
        return dg.SkipReason(f"Nothing that is due can run. {' '.join(problems)}")
    return dg.SkipReason(_nothing_due(found.due, job))


def _report_plans(
    context: dg.ScheduleEvaluationContext, models: Sequence[ModelAsset], due: DueModels
) -> None:
    """Report what is not due. A model that is due is reported by the run that is requested."""
    reported = plan_reports.report_in_tick(context.instance, models, due)
    if reported:
        context.log.info(plan_reports.message(reported))


def _nodes(models: Sequence[ModelAsset]) -> set[str]:
    """Return the fqns of models, and the names of their standalone audits."""
    return {model.fqn for model in models} | {each.audit.name for each in _standalone(models)}


def _planned(
    instance: dg.DagsterInstance, active: Iterable[dg.RunRecord], models: Sequence[ModelAsset]
) -> set[str]:
    """Return the models and standalone audits that active runs evaluate."""
    runs = [record.dagster_run for record in active]
    keys = {key for run in runs for key in exclusivity.materialized_assets(instance, run)}
    audits = {
        key.name
        for run in runs
        if run_log.DUE_TAG in run.tags
        for key in run.asset_check_selection or ()
    }
    evaluated = _nodes([model for model in models if model.spec.key in keys])
    alone = (each for each in _standalone(models) if each.spec.key.name in audits)
    return evaluated | {each.audit.name for each in alone}


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


def _standalone(models: Iterable[ModelAsset]) -> list[ModelCheck]:
    return [check for model in models for check in model.audit_checks if check.audit.standalone]


def _nothing_due(due: DueModels, job: str | None) -> str:
    if due.left_to_prod.waiting:
        names = shortened([display_name(fqn) for fqn in sorted(due.left_to_prod.waiting)])
        return f"These models wait for models that prod has not evaluated: {names}"
    if job:
        return f"No model of the job {job} is due"
    if due.next_due is None:
        return "No model is due"
    return f"No model is due; the next one is at {due.next_due.isoformat(timespec='minutes')}"
