"""Evaluations that no event tells of: the run was killed between SQLMesh's state and Dagster's log.

SQLMesh has written down that it is done, so no later run evaluates it; without a materialization
Dagster holds back whatever hangs below. A later run that selects the model makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dagster as dg

from .exclusivity import planned_assets

_ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# How many of the latest of these are looked at: who waits longer has other worries.
_RUNS = 100
# A run that is told to stop ends for Dagster a moment before its last batch does for SQLMesh.
_SLACK = 5.0


def lost(
    instance: dg.DagsterInstance, altered: Mapping[dg.AssetKey, float]
) -> dict[dg.AssetKey, str]:
    """Find the runs that evaluated models and did not live to say so.

    Args:
        instance: knows the runs and what was materialized.
        altered: when SQLMesh last wrote down intervals of each asset's model, in epoch seconds.

    Returns:
        By asset, the id of the run that planned it, ended badly, and was running at that time.
        What a plan has evaluated was in no run, and is not in here.
    """
    waiting = _unreported(instance, altered)
    if not waiting:
        return {}
    found: dict[dg.AssetKey, str] = {}
    filters = dg.RunsFilter(statuses=_ENDED_BADLY)
    for record in instance.get_run_records(filters=filters, limit=_RUNS):
        for key in _running_at(record, waiting):
            if key in planned_assets(instance, record.dagster_run):
                found.setdefault(key, record.dagster_run.run_id)
    return found


def _unreported(
    instance: dg.DagsterInstance, altered: Mapping[dg.AssetKey, float]
) -> dict[dg.AssetKey, float]:
    """Keep what was altered after its latest materialization: an event is later than its cause."""
    waiting = dict(altered)
    for record in instance.get_asset_records(list(altered)) if altered else ():
        latest = record.asset_entry.last_materialization
        key = record.asset_entry.asset_key
        if latest and latest.timestamp >= altered[key]:
            del waiting[key]
    return waiting


def _running_at(record: dg.RunRecord, times: Mapping[dg.AssetKey, float]) -> Iterator[dg.AssetKey]:
    if record.start_time is None:
        return
    for key, time in times.items():
        if record.start_time <= time <= (record.end_time or time) + _SLACK:
            yield key
