"""A tick of the schedule -> a run of exactly what is due, or the reason for none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from threading import Lock

import dagster as dg

from .concurrency.exclusivity import active_run, why_skip
from .errors import StateBusyError
from .records import ModelAsset
from .results import drift
from .run_target import Target

# A code server evaluates the ticks of several schedules at once, in threads, and SQLMesh shares
# DuckDB's connections in a process by the name of their file.
_ONE_TICK = Lock()


def tick(
    context: dg.ScheduleEvaluationContext, target: Target, models: Sequence[ModelAsset]
) -> dg.RunRequest | dg.SkipReason:
    """Ask SQLMesh's state what is due at the tick's time.

    Only what is due is requested: in a run, Dagster shows every planned asset that was not
    materialized as failed or missing.

    Raises:
        SetupError: the project, its state or the environment is not ready; the tick fails with it.
    """
    running = active_run(context.instance, [model.spec.key for model in models])
    if running:
        return dg.SkipReason(why_skip(running, datetime.now(UTC)))

    # It imports SQLMesh, which no import of the package may do.
    from .sqlmesh import run  # noqa: PLC0415

    at = context.scheduled_execution_time.astimezone(UTC)
    try:
        with _ONE_TICK:
            due = run.due_models(target, at)
    except StateBusyError as error:
        return dg.SkipReason(f"Another process is using SQLMesh's state: {error}")
    request = _request(due.fqns, models)
    unknown = due.fqns - _known(models)
    if unknown:
        problem = drift.unknown_to_package(unknown)
        context.log.warning(problem)
        if request is None:
            return dg.SkipReason(f"Nothing that is due can be run. {problem}")
    return request or dg.SkipReason(_nothing_due(due.next_due))


def _request(due: Collection[str], models: Sequence[ModelAsset]) -> dg.RunRequest | None:
    """Select the models that are due with all their checks, and standalone audits that are."""
    selected = [model for model in models if model.fqn in due]
    audits = [
        check.spec.key
        for model in models
        for check in model.audits
        if check.standalone and check.audit in due
    ]
    if not selected and not audits:
        return None
    keys = [model.spec.key for model in selected]
    checks = [check.key for model in selected for check in model.check_specs]
    if set(audits) <= set(checks):
        return dg.RunRequest(asset_selection=keys)  # Dagster adds the assets' checks
    return dg.RunRequest(
        asset_selection=keys, asset_check_keys=list(dict.fromkeys([*checks, *audits]))
    )


def _known(models: Sequence[ModelAsset]) -> set[str]:
    standalone = {check.audit for model in models for check in model.audits if check.standalone}
    return standalone | {model.fqn for model in models}


def _nothing_due(next_due: datetime | None) -> str:
    if next_due is None:
        return "No model is due"
    return f"No model is due; the next one is at {next_due.isoformat(timespec='minutes')}"
