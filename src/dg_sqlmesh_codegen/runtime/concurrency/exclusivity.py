"""One SQLMesh run at a time: SQLMesh does not support two on one environment.

Three layers. A run holds a lock of the state (`state_lock`): the lock of its server excludes all
runs, a lock file those of one host. A tick requests no model that an active run has planned. And
the generated op is in a pool and its job has a concurrency key, so an instance can limit both.
Where steps or runs can start on several hosts and the state has only a lock file, it must.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import dagster as dg

from dg_sqlmesh_codegen.runtime.dagster import compat, compat_limits, run_log

POOL = "sqlmesh_jobs_exclusive"  # of an op that has none
TAG = "dagster/concurrency_key"
# Tag of the generated job that restates. Its value is the key of the package's resource.
RESTATES_TAG = "sqlmesh/restates"
SNIPPET = """\
concurrency:
  pools:
    granularity: op
    default_limit: 1    # or, for this pool alone: dagster instance concurrency set {pool} 1
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60    # otherwise a killed run blocks all later runs
"""
ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def planned_assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """Return the assets that a run materializes or checks."""
    checked = {check.asset_key for check in run.asset_check_selection or ()}
    return checked.union(materialized_assets(instance, run))


def materialized_assets(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> Collection[dg.AssetKey]:
    """Return the assets that a run is to materialize: none, if it is of checks alone."""
    if run.asset_selection or run.asset_check_selection:
        return run.asset_selection or ()
    return compat.planned_asset_keys(instance, run)  # of a whole job, or of `dg.materialize`


def active_runs(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], environment: str
) -> list[dg.RunRecord]:
    """Return the active runs that materialize or check any of the assets in an environment.

    A run that was launched by hand and has not started does not have the tag of its environment,
    and counts for every environment. A restatement plans no assets. Its job has a tag, and it
    counts whatever it restates.
    """
    wanted = set(keys)
    return [
        record
        for record in instance.get_run_records(filters=dg.RunsFilter(statuses=ACTIVE))
        if record.dagster_run.tags.get(run_log.ENVIRONMENT_TAG, environment) == environment
        and (
            restates(record.dagster_run)
            or not wanted.isdisjoint(planned_assets(instance, record.dagster_run))
        )
    ]


def restates(run: dg.DagsterRun) -> bool:
    """Return whether a run is one of the restatement job."""
    return RESTATES_TAG in run.tags


def skip_reason(record: dg.RunRecord, now: datetime) -> str:
    """Return why a tick skips: the active run, its age, and what to do if its process is gone.

    Args:
        record: the active run.
        now: the current time, with a time zone.
    """
    since = record.start_time or record.create_timestamp.timestamp()
    age = (now - datetime.fromtimestamp(since, UTC)).total_seconds()
    run = record.dagster_run
    text = (
        f"Another SQLMesh run is active: {run.run_id} "
        f"({run.status.value.lower()} for {_duration(age)})"
    )
    if run.status is not dg.DagsterRunStatus.QUEUED:
        # A killed process does not tell Dagster. Only run monitoring notices.
        text += (
            ". If its process is gone, mark the run as canceled in the UI. With `run_monitoring: "
            "{enabled: true}` in dagster.yaml, Dagster ends such runs"
        )
    return text


def missing_limit(context: compat.StepContext) -> str | None:
    """Return why a second run on another host can start now, and how to prevent it.

    None if an instance limit prevents it, or if runs and steps stay on one host: there a lock file
    is enough. It does not matter if the server of the state has a lock.
    """
    pool = compat_limits.pool(context.op_def) or POOL
    limits = compat_limits.limits(context.instance, pool, TAG)
    executor, executes_here = compat_limits.executor(context)
    if limits.launches_here and executes_here:
        return None
    run = context.run
    if pool_is_exclusive(limits) or (
        queue_is_exclusive(limits, run.tags)
        and compat_limits.was_queued(context.instance, run.run_id)
    ):
        return None
    return (
        f"SQLMesh does not support two runs on one environment at once, and nothing prevents them "
        f"with {limits.launcher} and the executor {executor!r}: steps can run on several hosts, "
        "and the database of SQLMesh's state has no lock. "
        f"Limit the pool {pool} to 1 in dagster.yaml:\n\n{SNIPPET.format(pool=pool)}"
    )


def pool_is_exclusive(limits: compat_limits.Limits) -> bool:
    """Return whether every step waits for a slot, whatever launched its run."""
    return _is_one(limits.pool) and not limits.pool_of_runs


def queue_is_exclusive(limits: compat_limits.Limits, tags: Mapping[str, str]) -> bool:
    """Return whether the queue starts only one run with these tags at a time."""
    if not limits.queue:
        return False
    if limits.runs == 1 or _is_one(limits.pool):
        return True
    return tags.get(TAG) == limits.pool_name and _is_one(limits.tagged_runs)


def _is_one(limit: int | None) -> bool:
    return limit is not None and limit <= 1


def _duration(seconds: float) -> str:
    hours, minutes = divmod(int(max(seconds, 0)) // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
