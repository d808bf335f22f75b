"""What a Dagster instance's limits, slots, daemon and run monitoring mean for SQLMesh runs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg

from dg_sqlmesh_codegen.runtime.concurrency.exclusivity import POOL, TAG, pool_guards, queue_guards
from dg_sqlmesh_codegen.runtime.dagster import compat

from .findings import Finding, Severity

# Dagster's daemons say that they are there every 30 seconds.
_SILENT = 300.0
_LIMIT = (
    "In dagster.yaml: `concurrency: {pools: {granularity: op, default_limit: 1}}`; or, for this "
    f"pool alone: `dagster instance concurrency set {POOL} 1`."
)


def of_instance(instance: dg.DagsterInstance | None) -> Iterator[Finding]:
    """Yield what is found about a Dagster instance; None is an instance that nobody named."""
    if instance is None:
        yield Finding(
            Severity.WARNING,
            "DAGSTER_HOME is not set: no Dagster instance was looked at",
            "Set it to the folder of your dagster.yaml.",
        )
        return
    yield from of_limits(instance)
    yield from _of_slots(instance)
    yield from _of_daemon(instance)
    settings = instance.get_settings("run_monitoring") or {}
    if instance.run_monitoring_enabled and not settings.get("free_slots_after_run_end_seconds"):
        yield Finding(
            Severity.WARNING,
            "a run that is killed keeps its slot of the pool, and blocks all that come after it",
            "In dagster.yaml, in `run_monitoring`: `free_slots_after_run_end_seconds: 60`.",
        )
    if instance.run_monitoring_enabled:
        yield Finding(Severity.OK, "run monitoring ends runs whose process is gone")
    else:
        yield Finding(
            Severity.WARNING,
            "a run whose process is killed stays active, and the schedule waits for it",
            "In dagster.yaml: "
            "`run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}`.",
        )


def _of_slots(instance: dg.DagsterInstance) -> Iterator[Finding]:
    for run_id in sorted(compat.slot_holders(instance, POOL)):
        run = instance.get_run_by_id(run_id)
        status = run.status.value.lower() if run else "deleted"
        over = run is None or run.is_finished
        yield Finding(
            Severity.PROBLEM if over else Severity.WARNING,
            f"run {run_id} ({status}) holds a slot of the pool {POOL}, and others wait",
            "Where its process is gone: mark the run as canceled in the UI, and free its slot "
            "there (Deployment, Concurrency).",
        )


def _of_daemon(instance: dg.DagsterInstance) -> Iterator[Finding]:
    heard = compat.last_heartbeat(instance)
    if heard is not None and time.time() - heard < _SILENT:
        yield Finding(Severity.OK, "dagster-daemon is running")
    else:
        yield Finding(
            Severity.WARNING,
            "no dagster-daemon has been heard of lately: no schedule, no queue and no run "
            "monitoring without it",
            "Start `dagster-daemon run` (`dagster dev` brings one).",
        )


def of_limits(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Say whether an instance keeps SQLMesh runs apart, and what would."""
    limits = compat.limits(instance, POOL)
    place = "on this host" if limits.launches_here else "on other hosts"
    yield Finding(Severity.OK, f"{limits.launcher} launches runs {place}")
    tagged = {TAG: POOL}
    if pool_guards(limits):
        yield Finding(Severity.OK, f"the pool {POOL} is limited to 1 op")
    elif queue_guards(limits, {}):
        yield Finding(Severity.OK, "the queue lets one run of the models start at a time")
    elif queue_guards(limits, tagged):
        yield Finding(
            Severity.OK if limits.launches_here else Severity.WARNING,
            "the queue holds runs of the job back by their tag, and no run that is launched "
            "from the asset graph, which carries none",
            f"Limit the pool instead. {_LIMIT}",
        )
    elif limits.launches_here:
        yield Finding(
            Severity.WARNING,
            f"the pool {POOL} is not limited: a second run starts, and waits for the lock file",
            f"Let it wait in the queue. {_LIMIT}",
        )
    else:
        yield Finding(
            Severity.PROBLEM,
            f"nothing keeps two SQLMesh runs apart: the pool {POOL} is not limited to 1",
            _LIMIT,
        )
