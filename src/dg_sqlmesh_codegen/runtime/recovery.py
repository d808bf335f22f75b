"""Evaluations that no event tells of: the run was killed between SQLMesh's state and Dagster's log.

SQLMesh has written down that it is done, so no later run evaluates it; without a materialization
Dagster holds back whatever hangs below. A later run that selects the model makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg

from .concurrency.exclusivity import planned_assets
from .results.failures import FAILED
from .selection import Unheard
from .text import plain

_ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# How many of the latest of these are looked at: who waits longer has other worries.
_RUNS = 100
# A run that is told to stop ends for Dagster a moment before its last batch does for SQLMesh.
_SLACK = 5.0


def lost(instance: dg.DagsterInstance, unheard: Iterable[Unheard]) -> dict[dg.AssetKey, str]:
    """Find the runs that evaluated models and did not live to say so.

    Args:
        instance: knows the runs and what was materialized.
        unheard: models that a run had nothing to do for.

    Returns:
        By asset, the id of the run that planned it, ended badly, and was running when SQLMesh last
        wrote down intervals of the model. What a plan has evaluated was in no run, and is not in
        here; nor is a model of which that run said that a part of it had failed.
    """
    waiting = _unreported(instance, {each.key: each for each in unheard})
    if not waiting:
        return {}
    found: dict[dg.AssetKey, str] = {}
    filters = dg.RunsFilter(statuses=_ENDED_BADLY)
    for record in instance.get_run_records(filters=filters, limit=_RUNS):
        run = record.dagster_run
        at_work = [model for model in waiting if _was_running(record, model.altered)]
        if not at_work:
            continue
        planned, failed = planned_assets(instance, run), _failed(instance, run.run_id)
        for model in at_work:
            if model.key in planned and plain(model.fqn) not in failed:
                found.setdefault(model.key, run.run_id)
    return found


def _unreported(
    instance: dg.DagsterInstance, unheard: Mapping[dg.AssetKey, Unheard]
) -> list[Unheard]:
    """Keep what was altered after its latest materialization: an event is later than its cause."""
    waiting = dict(unheard)
    for record in instance.get_asset_records(list(unheard)) if unheard else ():
        latest = record.asset_entry.last_materialization
        key = record.asset_entry.asset_key
        if latest and latest.timestamp >= unheard[key].altered:
            del waiting[key]
    return list(waiting.values())


def _was_running(record: dg.RunRecord, time: float) -> bool:
    started = record.start_time
    return started is not None and started <= time <= (record.end_time or time) + _SLACK


def _failed(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """Return the models that a run says have failed."""
    names: set[str] = set()
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        said = data.user_failure_data.metadata if data and data.user_failure_data else {}
        value = said[FAILED].value if FAILED in said else []
        names.update(map(str, value if isinstance(value, list) else []))
    return names
