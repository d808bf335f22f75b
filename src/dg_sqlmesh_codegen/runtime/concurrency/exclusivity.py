"""One SQLMesh run at a time: SQLMesh does not support two on one environment.

Three layers. The generated op is in a pool and its job carries a concurrency key, with which an
instance can hold runs back. A tick does not even ask for a second run while one is active. And at
the start of the op a lock file keeps the runs of one host apart (`lock`); where steps or runs can
land on several hosts no file can, so there the instance has to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import dagster as dg

from dg_sqlmesh_codegen.runtime.dagster import compat

POOL = "sqlmesh_jobs_exclusive"
TAG = "dagster/concurrency_key"
SNIPPET = f"""\
concurrency:
  pools:
    granularity: op
    default_limit: 1    # or, for this pool alone: dagster instance concurrency set {POOL} 1
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60    # or a killed run blocks all that come after it
"""
ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def planned_assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """Return the assets that a run is to evaluate or to check, whoever launched it."""
    planned = set(run.asset_selection or ())
    planned.update(check.asset_key for check in run.asset_check_selection or ())
    if not run.asset_selection:  # a whole job, or `dg.materialize`
        planned |= compat.planned_asset_keys(instance, run)
    return planned


def active_run(instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]) -> dg.RunRecord | None:
    """Return a run that is to evaluate any of the assets and has not ended, whoever launched it.

    A run of nothing but checks of them (standalone audits) is one, too.
    """
    wanted = set(keys)
    for record in instance.get_run_records(filters=dg.RunsFilter(statuses=ACTIVE)):
        run = record.dagster_run
        planned = planned_assets(instance, run)
        if not wanted.isdisjoint(planned):
            return record
    return None


def why_skip(record: dg.RunRecord, now: datetime) -> str:
    """Say which run a tick skips for, since when it has been there, and how it could be a dead one.

    Args:
        record: the run.
        now: the time that is now, with a zone.
    """
    since = record.start_time or record.create_timestamp.timestamp()
    begun = datetime.fromtimestamp(since, UTC)
    run = record.dagster_run
    text = (
        f"Another SQLMesh run is active: {run.run_id} "
        f"({run.status.value.lower()} for {_duration((now - begun).total_seconds())})"
    )
    if run.status is not dg.DagsterRunStatus.QUEUED:
        # A process that was killed, or never came up, has told nobody; run monitoring finds out.
        text += (
            ". If its process is gone, mark the run as canceled in the UI; `run_monitoring: "
            "{enabled: true}` in dagster.yaml does so by itself"
        )
    return text


def unguarded(context: dg.AssetExecutionContext) -> str | None:
    """Return why nothing keeps a second run on another host away, with the remedy, or None.

    Where the instance launches runs on its own host, and the executor runs steps there, the lock
    file does.
    """
    limits = compat.limits(context.instance, POOL)
    executor, executes_here = compat.executor(context)
    if limits.launches_here and executes_here:
        return None
    run = context.run
    if pool_guards(limits) or (
        queue_guards(limits, run.tags) and compat.was_queued(context.instance, run.run_id)
    ):
        return None
    return (
        f"SQLMesh does not support two runs on one environment at a time, and with "
        f"{limits.launcher} and the executor {executor!r} nothing keeps them apart: steps may land "
        f"on several hosts. Limit the pool {POOL} to 1 in dagster.yaml:\n\n{SNIPPET}"
    )


def pool_guards(limits: compat.Limits) -> bool:
    """Whether every step waits for its slot, however its run was launched."""
    return limits.pool is not None and limits.pool <= 1 and not limits.pool_of_runs


def queue_guards(limits: compat.Limits, tags: Mapping[str, str]) -> bool:
    """Whether the queue lets one run with these tags start at a time."""
    if not limits.queue:
        return False
    if limits.runs == 1 or (limits.pool is not None and limits.pool <= 1):
        return True
    return any(
        limit.key == TAG and limit.value in (None, POOL) and limit.limit <= 1
        for limit in limits.tags
        if tags.get(TAG) == POOL
    )


def _duration(seconds: float) -> str:
    minutes = int(max(seconds, 0)) // 60
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
