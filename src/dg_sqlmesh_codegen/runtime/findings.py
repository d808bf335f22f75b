"""What the doctor finds: good and bad facts about an installation, and those of an instance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial

import dagster as dg

from .concurrency.exclusivity import TAG, pool_is_exclusive, queue_is_exclusive
from .dagster import compat_limits

# A running daemon sends a heartbeat every 30 seconds.
_HEARTBEAT_TIMEOUT_SECONDS = 300.0


class Severity(Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about an installation, and how to fix it. `remedy` is empty if nothing is wrong."""

    severity: Severity
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.severity.value}: {self.what}"
        # Errors of a database can have several lines.
        return " ".join((f"{line}. {self.remedy}" if self.remedy else line).split())


ok, warning, problem = (partial(Finding, severity) for severity in Severity)


def exclusivity_of(limits: compat_limits.Limits, server: str | None = None) -> Finding:
    """Return whether the limits of an instance prevent two SQLMesh runs at once.

    `server` is the database server whose lock does, if there is one.
    """
    is_locked = limits.launches_here or server is not None
    pool = limits.pool_name
    remedy = (
        "In dagster.yaml: `concurrency: {pools: {granularity: op, default_limit: 1}}`; or, for "
        f"this pool alone: `dagster instance concurrency set {pool} 1`."
    )
    if pool_is_exclusive(limits):
        return ok(f"the pool {pool} is limited to 1 op")
    if queue_is_exclusive(limits, {}):
        return ok("the queue starts one run of the models at a time")
    if queue_is_exclusive(limits, {TAG: pool}):
        return Finding(
            Severity.OK if is_locked else Severity.WARNING,
            "the queue limits runs of the job by their tag, but not runs that are launched from "
            "the asset graph: they do not have the tag",
            f"Limit the pool instead. {remedy}",
        )
    if is_locked:
        return warning(
            f"the pool {pool} is not limited: a second run starts and waits for the first one",
            f"Limit the pool, so that the run waits in the queue. {remedy}",
        )
    return problem(
        f"nothing prevents two SQLMesh runs at once: the pool {pool} is not limited to 1", remedy
    )


def slots(pool: str, instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Yield the runs that hold slots of the pool."""
    for run_id in sorted(compat_limits.slot_holders(instance, pool)):
        run = instance.get_run_by_id(run_id)
        status = run.status.value.lower() if run else "deleted"
        yield Finding(
            Severity.PROBLEM if run is None or run.is_finished else Severity.WARNING,
            f"run {run_id} ({status}) holds a slot of the pool {pool}, and other runs wait for it",
            "If its process is gone, mark the run as canceled in the UI, and free its slot there "
            "(Deployment, Concurrency).",
        )


def daemon(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Yield whether the daemon runs."""
    heartbeat = compat_limits.last_heartbeat(instance)
    if heartbeat is not None and time.time() - heartbeat < _HEARTBEAT_TIMEOUT_SECONDS:
        yield ok("dagster-daemon is running")
    else:
        yield warning(
            "dagster-daemon sent no heartbeat in the last 5 minutes: schedules, the queue and run "
            "monitoring need it",
            "Start `dagster-daemon run` (`dg dev` includes it).",
        )


def run_monitoring(instance: dg.DagsterInstance) -> Iterator[Finding]:
    """Yield whether Dagster ends runs whose process is gone."""
    enabled, frees_slots = compat_limits.run_monitoring(instance)
    if not enabled:
        yield warning(
            "run monitoring is off: a run whose process is killed stays active, and the schedule "
            "waits for it",
            "In dagster.yaml: "
            "`run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}`.",
        )
    elif not frees_slots:
        yield warning(
            "a killed run keeps its slot of the pool, and blocks all later runs",
            "In dagster.yaml, in `run_monitoring`: `free_slots_after_run_end_seconds: 60`.",
        )
    else:
        yield ok("run monitoring ends runs whose process is gone")
