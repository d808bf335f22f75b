"""Finds evaluations that are in SQLMesh's state but not in Dagster's event log.

They happen when a run is killed between the two writes. No later run evaluates the model again,
so without a materialization Dagster holds back everything downstream. The next run that selects
the model reports the materialization.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg

from .concurrency.exclusivity import planned_assets
from .results.failures import FAILED_MODELS
from .selection import UnreportedModel
from .text import display_name

_UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MAX_RUNS = 100
# SQLMesh can finish its last batch a moment after Dagster has ended a stopped run.
_TOLERANCE_SECONDS = 5.0


def find_unreported(
    instance: dg.DagsterInstance, models: Iterable[UnreportedModel]
) -> dict[dg.AssetKey, str]:
    """Find the runs that evaluated models without reporting them.

    Looks at the latest 100 runs that failed or were canceled. Evaluations by a plan, and models
    that the run reported as failed, are left out.

    Args:
        instance: the instance with the runs and the materializations.
        models: models that the current run did not evaluate.

    Returns:
        By asset, the id of the run that planned the asset and was running when SQLMesh last wrote
        intervals of its model.
    """
    waiting = _without_materialization(instance, {model.key: model for model in models})
    if not waiting:
        return {}
    found: dict[dg.AssetKey, str] = {}
    filters = dg.RunsFilter(statuses=_UNSUCCESSFUL)
    for record in instance.get_run_records(filters=filters, limit=_MAX_RUNS):
        run = record.dagster_run
        evaluated = [model for model in waiting if _was_running(record, model.altered_seconds)]
        if not evaluated:
            continue
        planned, failed = planned_assets(instance, run), _failed_models(instance, run.run_id)
        for model in evaluated:
            if model.key in planned and display_name(model.fqn) not in failed:
                found.setdefault(model.key, run.run_id)
    return found


def _without_materialization(
    instance: dg.DagsterInstance, models: Mapping[dg.AssetKey, UnreportedModel]
) -> list[UnreportedModel]:
    """Return the models without a materialization since their intervals were written."""
    waiting = dict(models)
    for record in instance.get_asset_records(list(models)) if models else ():
        latest = record.asset_entry.last_materialization
        key = record.asset_entry.asset_key
        if latest and latest.timestamp >= models[key].altered_seconds:
            del waiting[key]
    return list(waiting.values())


def _was_running(record: dg.RunRecord, seconds: float) -> bool:
    started = record.start_time
    end = (record.end_time or seconds) + _TOLERANCE_SECONDS
    return started is not None and started <= seconds <= end


def _failed_models(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """Return the names of the models that a run reported as failed."""
    names: set[str] = set()
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        metadata = data.user_failure_data.metadata if data and data.user_failure_data else {}
        value = metadata[FAILED_MODELS].value if FAILED_MODELS in metadata else []
        names.update(map(str, value if isinstance(value, list) else []))
    return names
