"""One SQLMesh run at a time: SQLMesh does not support two on one environment.

The generated op is in a pool and its job carries a concurrency key, with which an instance can
hold runs back. What stands here is the tick's part: it does not even ask for a second run.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from .compat import planned_asset_keys

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def active_run(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> dg.DagsterRun | None:
    """Return a run that is to evaluate any of the assets and has not ended, whoever launched it.

    A run of nothing but checks of them (standalone audits) is one, too.
    """
    wanted = set(keys)
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=ACTIVE)):
        planned = set(run.asset_selection or ())
        planned.update(check.asset_key for check in run.asset_check_selection or ())
        if run.asset_selection is None:
            planned |= planned_asset_keys(instance, run)
        if not wanted.isdisjoint(planned):
            return run
    return None
