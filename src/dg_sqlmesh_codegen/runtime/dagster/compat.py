"""What of Dagster is used without being public, each with its reason. Tried on dagster 1.13."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.executor_definition import execute_in_process_executor
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._utils import interrupts


class StoppedError(dg.DagsterError, dg.DagsterExecutionInterruptedError):
    """The run is being stopped: an interruption that no retry policy takes for a failure.

    Where an op has a retry policy, Dagster makes a retry of an interruption that leaves it, so that
    "Terminate" would start SQLMesh again; an error of its own is let through.
    """


_LOCAL_EXECUTORS = (
    dg.in_process_executor,
    dg.multiprocess_executor,
    dg.multi_or_in_process_executor,
    execute_in_process_executor,  # that of `dg.materialize`
)


def planned_asset_keys(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """Return the assets that a run's plan materializes.

    A run of a whole job carries no asset selection, and a job's name does not tell which assets
    it holds. The stored execution plan does; the instance's method that reads it has no public
    counterpart.
    """
    if run.execution_plan_snapshot_id is None:
        return set()
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return {
        output.properties.asset_key
        for step in plan.steps
        for output in step.outputs
        if output.properties and output.properties.asset_key
    }


@dataclass(frozen=True, slots=True)
class TagLimit:
    """A tag concurrency limit; `value` None stands for any value."""

    key: str
    value: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs and ops an instance lets run at a time.

    `pool` is the limit of the pool that was asked for, None without one; with `pool_of_runs` it
    counts whole runs, and only the queue obeys it. `runs` and `tags` are the queue's.
    """

    launcher: str
    launches_here: bool
    queue: bool
    pool: int | None
    pool_of_runs: bool
    runs: int | None
    tags: tuple[TagLimit, ...]


def limits(instance: dg.DagsterInstance, pool: str) -> Limits:
    """Return what an instance is configured to hold back.

    Dagster documents these settings for `dagster.yaml` and `dagster instance concurrency set`; the
    methods that read them back have no public counterpart.
    """
    config = instance.get_concurrency_config()
    launcher = instance.run_launcher
    # `import dagster` does not bring it, and every process imports this module.
    from dagster._core.launcher.sync_in_memory_run_launcher import (  # noqa: PLC0415
        SyncInMemoryRunLauncher,
    )

    queue = isinstance(instance.run_coordinator, QueuedRunCoordinator)
    of_queue = config.run_queue_config if queue else None
    granularity = config.pool_config.pool_granularity
    return Limits(
        launcher=type(launcher).__name__,
        # Exact types: a subclass may launch anywhere.
        launches_here=type(launcher) in (DefaultRunLauncher, SyncInMemoryRunLauncher),
        queue=queue,
        pool=_pool_limit(instance, pool),
        pool_of_runs=granularity is not None and granularity.value == "run",
        runs=of_queue.max_concurrent_runs if of_queue else None,
        tags=tuple(map(_tag_limit, of_queue.tag_concurrency_limits)) if of_queue else (),
    )


def slot_holders(instance: dg.DagsterInstance, pool: str) -> frozenset[str]:
    """Return the ids of the runs that hold slots of a pool.

    The UI shows them ("Deployment, Concurrency"); the method that it asks is not public.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return frozenset()
    claimed = storage.get_concurrency_info(pool).claimed_slots
    return frozenset(slot.run_id for slot in claimed)


def last_heartbeat(instance: dg.DagsterInstance) -> float | None:
    """Return when a daemon was last heard of, in epoch seconds; `dagster-daemon` asks so, too."""
    heartbeats = instance.get_daemon_heartbeats().values()
    return max((heartbeat.timestamp for heartbeat in heartbeats), default=None)


def executor(context: dg.AssetExecutionContext) -> tuple[str, bool]:
    """Return the name of the executor that runs the step, and whether it stays on one host.

    Those that come with Dagster do. No public property of an executor says so, and none of a
    context leads to the executor.
    """
    definition = context.get_step_execution_context().job_def.executor_def
    made_by = definition.executor_creation_fn
    return definition.name, any(made_by is each.executor_creation_fn for each in _LOCAL_EXECUTORS)


def was_queued(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether a run went through the queue: `dagster job execute`, for one, does not."""
    return instance.get_run_stats(run_id).enqueued_time is not None


def deferred_interrupts() -> AbstractContextManager[None]:
    """Return a context in which a signal to stop the run is not raised again.

    A run's process may get the same signal twice (from the terminal and from its parent); what is
    done because of the first must not be broken off by the second. It is what Dagster uses itself.
    """
    return interrupts.capture_interrupts()


def _pool_limit(instance: dg.DagsterInstance, pool: str) -> int | None:
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return None
    for known in storage.get_pool_limits():
        if known.name == pool and not known.from_default:
            return known.limit
    return instance.get_concurrency_config().pool_config.default_pool_limit


def _tag_limit(configured: object) -> TagLimit:
    assert isinstance(configured, dict)  # noqa: S101 - as dagster.yaml's schema has it
    value = configured.get("value")
    return TagLimit(
        configured["key"], value if isinstance(value, str) else None, configured["limit"]
    )
