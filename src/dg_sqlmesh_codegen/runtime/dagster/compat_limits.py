"""What an instance runs at once, and where: Dagster has no public way to read it.

It is the second part of `compat`, and the same in 1.11.4, 1.12.0 and 1.13.29.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import execute_in_process_executor
from dagster._core.launcher import DefaultRunLauncher

_LOCAL_EXECUTORS = (
    dg.in_process_executor,
    dg.multiprocess_executor,
    dg.multi_or_in_process_executor,
    execute_in_process_executor,  # the executor of `dg.materialize`
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The concurrency limits of an instance; None means no limit.

    `launcher` is the class of the run launcher, and `launches_here` whether it starts runs on its
    own host. `queue` is whether runs go through a queue; `runs` is its limit of all runs and
    `tagged_runs` that of runs with the pool's tag. `pool` is the limit of the pool, `pool_name`.
    With `pool_of_runs` it counts runs, and only the queue obeys it.
    """

    launcher: str
    launches_here: bool
    queue: bool
    pool: int | None
    pool_of_runs: bool
    runs: int | None
    tagged_runs: int | None
    pool_name: str


def limits(instance: dg.DagsterInstance, pool: str, tag: str) -> Limits:
    """Return the concurrency limits of an instance, with those of a pool and its tag.

    `dagster.yaml` and `dagster instance concurrency set` are the public ways to set the limits.
    """
    # `import dagster` does not import it, and every process imports this module.
    from dagster._core.launcher.sync_in_memory_run_launcher import (  # noqa: PLC0415
        SyncInMemoryRunLauncher,
    )

    config = instance.get_concurrency_config()
    queue = config.run_queue_config  # None if runs do not go through a queue
    granularity = config.pool_config.pool_granularity
    return Limits(
        launcher=type(instance.run_launcher).__name__,
        # Exact types: a subclass can launch runs anywhere.
        launches_here=type(instance.run_launcher) in (DefaultRunLauncher, SyncInMemoryRunLauncher),
        queue=queue is not None,
        pool=_pool_limit(instance, pool),
        pool_of_runs=granularity is not None and granularity.value == "run",
        runs=queue.max_concurrent_runs if queue else None,
        tagged_runs=_tag_limit(queue.tag_concurrency_limits, tag, pool) if queue else None,
        pool_name=pool,
    )


def pool(op: dg.OpDefinition) -> str | None:
    """Return the pool that an op is in. Only the argument of `dg.op` is public."""
    return op.pool


def run_monitoring(instance: dg.DagsterInstance) -> tuple[bool, bool]:
    """Return whether run monitoring is on, and whether it frees the slots of ended runs."""
    settings = instance.get_settings("run_monitoring") or {}
    return instance.run_monitoring_enabled, bool(settings.get("free_slots_after_run_end_seconds"))


def slot_holders(instance: dg.DagsterInstance, pool: str) -> frozenset[str]:
    """Return the ids of the runs that hold slots of a pool. Only the UI shows them publicly."""
    storage = instance.event_log_storage
    has_slots = storage.supports_global_concurrency_limits
    claimed = storage.get_concurrency_info(pool).claimed_slots if has_slots else ()
    return frozenset(slot.run_id for slot in claimed)


def last_heartbeat(instance: dg.DagsterInstance) -> float | None:
    """Return the time of the latest heartbeat of any daemon, in epoch seconds, or None."""
    heartbeats = instance.get_daemon_heartbeats().values()
    return max((heartbeat.timestamp for heartbeat in heartbeats), default=None)


def executor(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> tuple[str, bool]:
    """Return the name of the step's executor, and whether it runs steps on one host.

    Dagster's own executors do. No public property tells, and no public way leads from the context
    to the executor.
    """
    definition = context.get_step_execution_context().job_def.executor_def
    made_by = definition.executor_creation_fn
    return definition.name, any(made_by is each.executor_creation_fn for each in _LOCAL_EXECUTORS)


def was_queued(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Return whether a run went through the queue. `dagster job execute` does not use it."""
    return instance.get_run_stats(run_id).enqueued_time is not None


def _pool_limit(instance: dg.DagsterInstance, pool: str) -> int | None:
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return None
    for known in storage.get_pool_limits():
        if known.name == pool and not known.from_default:
            return known.limit
    return instance.get_concurrency_config().pool_config.default_pool_limit


def _tag_limit(limits: Iterable[Mapping[str, Any]], key: str, pool: str) -> int | None:
    """Return the lowest limit of the tag. One without a text as value is for all values."""
    values = [(each["limit"], each.get("value")) for each in limits if each["key"] == key]
    return min(
        (limit for limit, of in values if of == pool or not isinstance(of, str)), default=None
    )
