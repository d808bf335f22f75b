"""A tick of the schedule -> a run of exactly what is due, or the reason for none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from .assets import ModelAsset
from .errors import StateBusyError
from .exclusivity import active_run
from .target import Target


def tick(
    context: dg.ScheduleEvaluationContext, target: Target, models: Sequence[ModelAsset]
) -> dg.RunRequest | dg.SkipReason:
    """Ask SQLMesh's state what is due at the tick's time.

    Only what is due is requested: in a run, Dagster shows every planned asset that was not
    materialized as failed or missing.

    Raises:
        SetupError: the project, its state or the environment is not ready; the tick fails with it.
    """
    by_fqn = {model.fqn: model for model in models}
    running = active_run(context.instance, [model.spec.key for model in models])
    if running:
        return dg.SkipReason(f"Another SQLMesh run is active: {running.run_id}")

    # It imports SQLMesh, which no import of the package may do.
    from . import session  # noqa: PLC0415

    at = context.scheduled_execution_time.astimezone(UTC)
    try:
        due = session.due_models(target, at)
    except StateBusyError as error:
        return dg.SkipReason(f"Another process is using SQLMesh's state: {error}")
    unknown = sorted(due.fqns - by_fqn.keys())
    if unknown:
        context.log.warning(
            f"Promoted and due, but not in the generated package: {', '.join(unknown)}. "
            "Generate it again with `python -m dg_sqlmesh_codegen`."
        )
    keys = [model.spec.key for model in models if model.fqn in due.fqns]
    if not keys:
        return dg.SkipReason(_nothing_due(due.next_due))
    return dg.RunRequest(asset_selection=keys)


def _nothing_due(next_due: datetime | None) -> str:
    if next_due is None:
        return "No model is due"
    return f"No model is due; the next one is at {next_due.isoformat(timespec='minutes')}"
