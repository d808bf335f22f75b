"""Examines a Dagster instance: limits, slots, daemon and run monitoring."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg

from dg_sqlmesh_codegen.runtime.concurrency.exclusivity import (
    POOL,
    TAG,
    pool_is_exclusive,
    queue_is_exclusive,
)
from dg_sqlmesh_codegen.runtime.dagster import compat

from .findings import Finding, Severity

# A running daemon sends a heartbeat every 30 seconds.
_HEARTBEAT_TIMEOUT_SECONDS = 300.0
_LIMIT = (
    "In dagster.yaml: `concurrency: {pools: {granularity: op, default_limit: 1}}`; or, for this "
    f"pool alone: `dagster instance concurrency set {POOL} 1`."
)


def examine_instance(
    instance: dg.DagsterInstance | None, server: str | None = None
) -> Iterator[Finding]:
    """Yield the findings about a Dagster instance; None if DAGSTER_HOME is not set.

    `server` is the name of the database server whose lock excludes a second run, if there is one.
    """
    if instance is None:
        yield Finding(
            Severity.WARNING,
            "DAGSTER_HOME is not set, so no Dagster instance was examined",
            "Set it to the folder of your dagster.yaml.",
        )
        return
    yield from examine_limits(instance, server)
    yield from _examine_slots(instance)
    yield _examine_daemon(instance)
    yield from _examine_run_monitoring(instance)


def examine_limits(instance: dg.DagsterInstance, server: str | None = None) -> Iterator[Finding]:
    """Yield where the instance launches runs, and whether it prevents two SQLMesh runs at once."""
    limits = compat.limits(instance, POOL, TAG)
    place = "on this host" if limits.launches_here else "on other hosts"
    is_excluded = limits.launches_here or server is not None
    yield Finding(Severity.OK, f"{limits.launcher} launches runs {place}")
    if server:
        yield Finding(Severity.OK, f"{server} locks SQLMesh's state for one run at a time")
    if pool_is_exclusive(limits):
        yield Finding(Severity.OK, f"the pool {POOL} is limited to 1 op")
    elif queue_is_exclusive(limits, {}):
        yield Finding(Severity.OK, "the queue starts one run of the models at a time")
    elif queue_is_exclusive(limits, {TAG: POOL}):
        yield Finding(
            Severity.OK if is_excluded else Severity.WARNING,
            "the queue limits runs of the job by their tag, but not runs that are launched from "
            "the asset graph: they do not have the tag",
            f"Limit the pool instead. {_LIMIT}",
        )
    elif is_excluded:
        yield Finding(
            Severity.WARNING,
            f"the pool {POOL} is not limited: a second run starts and waits for the first one",
            f"Limit the pool, so that the run waits in the queue. {_LIMIT}",
        )
    else:
        yield Finding(
            Severity.PROBLEM,
            f"nothing prevents two SQLMesh runs at once: the pool {POOL} is not limited to 1",
            _LIMIT,
        )


def _examine_slots(instance: dg.DagsterInstance) -> Iterator[Finding]:
    for run_id in sorted(compat.slot_holders(instance, POOL)):
        run = instance.get_run_by_id(run_id)
        status = run.status.value.lower() if run else "deleted"
        yield Finding(
            Severity.PROBLEM if run is None or run.is_finished else Severity.WARNING,
            f"run {run_id} ({status}) holds a slot of the pool {POOL}, and other runs wait for it",
            "If its process is gone, mark the run as canceled in the UI, and free its slot there "
            "(Deployment, Concurrency).",
        )


def _examine_daemon(instance: dg.DagsterInstance) -> Finding:
    heartbeat = compat.last_heartbeat(instance)
    if heartbeat is not None and time.time() - heartbeat < _HEARTBEAT_TIMEOUT_SECONDS:
        return Finding(Severity.OK, "dagster-daemon is running")
    return Finding(
        Severity.WARNING,
        "dagster-daemon sent no heartbeat in the last 5 minutes: schedules, the queue and run "
        "monitoring need it",
        "Start `dagster-daemon run` (`dagster dev` includes it).",
    )


def _examine_run_monitoring(instance: dg.DagsterInstance) -> Iterator[Finding]:
    if not instance.run_monitoring_enabled:
        yield Finding(
            Severity.WARNING,
            "run monitoring is off: a run whose process is killed stays active, and the schedule "
            "waits for it",
            "In dagster.yaml: "
            "`run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}`.",
        )
        return
    settings = instance.get_settings("run_monitoring") or {}
    if not settings.get("free_slots_after_run_end_seconds"):
        yield Finding(
            Severity.WARNING,
            "a killed run keeps its slot of the pool, and blocks all later runs",
            "In dagster.yaml, in `run_monitoring`: `free_slots_after_run_end_seconds: 60`.",
        )
    yield Finding(Severity.OK, "run monitoring ends runs whose process is gone")
