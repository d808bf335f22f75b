"""Finds evaluations that are in SQLMesh's state but not in Dagster's event log.

They happen when a run is killed between the two writes. No later run evaluates the model again,
so without a materialization Dagster holds back everything downstream. The next run that selects
the model reports the materialization.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from .concurrency.exclusivity import planned_assets
from .dagster import run_log
from .events import PromotedModel
from .text import display_name

_UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# SQLMesh can finish its last batch a moment after Dagster has ended a stopped run.
_TOLERANCE_SECONDS = 5.0


def find_unreported(
    instance: dg.DagsterInstance, environment: str, models: Mapping[dg.AssetKey, PromotedModel]
) -> dict[dg.AssetKey, str]:
    """Find the runs that evaluated models without reporting them.

    Looks at the runs of SQLMesh that failed or were canceled. Evaluations by a plan, and models
    that the run reported as failed, are left out.

    Args:
        instance: the instance with the runs and the materializations.
        environment: the SQLMesh environment of the models.
        models: models that the current run did not evaluate, by asset.

    Returns:
        By asset, the id of the run that planned the asset and was running when SQLMesh last wrote
        intervals of its model.
    """
    waiting = _without_materialization(instance, models)
    if not waiting:
        return {}
    found: dict[dg.AssetKey, str] = {}
    earliest = min(waiting.values()) - _TOLERANCE_SECONDS
    for record in run_log.runs_of(instance, environment, _UNSUCCESSFUL, earliest):
        run = record.dagster_run
        evaluated = [key for key, altered in waiting.items() if _was_running(record, altered)]
        if not evaluated:
            continue
        planned = planned_assets(instance, run)
        failed = run_log.failed_models(instance, run.run_id)
        for key in evaluated:
            if key in planned and display_name(models[key].fqn) not in failed:
                found[key] = run.run_id
    return found


def _without_materialization(
    instance: dg.DagsterInstance, models: Mapping[dg.AssetKey, PromotedModel]
) -> dict[dg.AssetKey, float]:
    """Return when intervals were written, in epoch seconds, and no materialization since then."""
    waiting = {key: model.altered_ms / 1000 for key, model in models.items() if model.altered_ms}
    for record in instance.get_asset_records(list(waiting)) if waiting else ():
        latest = record.asset_entry.last_materialization
        key = record.asset_entry.asset_key
        if latest and latest.timestamp >= waiting[key]:
            del waiting[key]
    return waiting


def _was_running(record: dg.RunRecord, seconds: float) -> bool:
    started = record.start_time
    end = (record.end_time or seconds) + _TOLERANCE_SECONDS
    return started is not None and started <= seconds <= end
