"""Reads which models a run would evaluate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlmesh import Context
from sqlmesh.utils.date import to_datetime

from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.due import Due, DueModels
from dg_sqlmesh_codegen.runtime.errors import RunHoldsStateError
from dg_sqlmesh_codegen.runtime.redaction import Redaction, redacted_errors
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target

from . import compat
from .compat import Environment, Snapshot
from .context import open_context
from .development import left_to_prod, prod_of
from .evaluated import evaluated_models
from .promoted import (
    has_cron,
    is_asset,
    parent_names,
    read_environment,
    read_snapshots,
)
from .state_identity import duckdb_path

# A code location has one project, sometimes two. Each keeps its models in memory.
_MAX_TARGETS = 2


@dataclass(frozen=True, slots=True)
class CachedEnvironment:
    """An environment with its snapshots by fqn, and prod if that is another one."""

    environment: Environment
    prod: Environment | None
    snapshots: dict[str, Snapshot]

    @property
    def planned(self) -> float:
        """When the environment was planned, in epoch seconds."""
        return (self.environment.finalized_ts or 0) / 1000


class SnapshotCache:
    """The promoted snapshots of the latest targets. Not thread-safe.

    SQLMesh takes seconds to read a thousand snapshots, and a tick can come every few minutes.
    Snapshots only change when a plan is applied. Their intervals change with every run.
    """

    def __init__(self) -> None:
        self._cached: OrderedDict[Target, CachedEnvironment] = OrderedDict()

    def read(
        self,
        context: Context,
        target: Target,
        environment: Environment,
        prod: Environment | None = None,
    ) -> CachedEnvironment:
        """Return the environment with its snapshots, and these with their current intervals.

        A plan of prod changes snapshots of other environments: which of them prod has, too.
        """
        cached = self._cached.pop(target, None)
        if cached and _version(cached.environment, cached.prod) == _version(environment, prod):
            snapshots = cached.snapshots
            compat.refresh_intervals(context, snapshots.values())
        else:
            snapshots = read_snapshots(context, environment)
        found = CachedEnvironment(environment, prod, snapshots)
        if not any(map(_has_auto_restatement, snapshots.values())):
            self._cached[target] = found
            while len(self._cached) > _MAX_TARGETS:
                self._cached.popitem(last=False)
        return found

    def latest(self, target: Target) -> CachedEnvironment | None:
        """Return the environment as it was read last."""
        return self._cached.get(target)


def _version(*environments: Environment | None) -> list[object]:
    """Return what changes with every plan."""
    return [
        (each.plan_id, each.finalized_ts, frozenset(table.snapshot_id for table in each.snapshots))
        for each in filter(None, environments)
    ]


# Shared by the ticks of this process, which run one at a time (see `schedule`).
_CACHE = SnapshotCache()


def read_due_models(
    target: Target, execution_time: datetime, *, during_runs: bool = False
) -> DueModels:
    """Return which models a run at `execution_time` would evaluate.

    Signals are left to the run: they are code of the project, and can take longer than a tick.

    Args:
        target: the project and the environment.
        execution_time: of the run.
        during_runs: whether to answer while a run holds the state. DuckDB lets no second process
            in, so the answer is then that of the state as a tick of this process has read it last:
            it can hold models that are evaluated by now, and a run finds that they are not due.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        StateBusyError: another process has opened the state's database.
        RunHoldsStateError: a run holds the lock, and what is due is not known.
        RunError: any other error, without secrets.
    """
    request = LockRequest("", target.locking.for_tick())

    def read(redaction: Redaction) -> DueModels:
        with open_context(target, redaction, request) as context:
            return _read(context, target, execution_time)

    try:
        return redacted_errors(read)
    except RunHoldsStateError:
        found = redacted_errors(partial(_of_run, target, execution_time)) if during_runs else None
        if found is None:
            raise
        return replace(found, during_run=True)


def _read(context: Context, target: Target, execution_time: datetime) -> DueModels:
    environment = read_environment(context, target)
    if not environment.finalized_ts:
        return DueModels({}, unfinished_plan=environment.plan_id)
    found = _CACHE.read(context, target, environment, prod_of(context, target))
    evaluated = evaluated_models(found.snapshots, environment, target)
    due = due_at(found.snapshots, target, execution_time, found.planned, found.prod)
    return replace(due, evaluated=evaluated)


def _of_run(target: Target, execution_time: datetime, redaction: Redaction) -> DueModels | None:
    """Return what is due while a run holds the lock of the state; None if that is not known."""
    with open_context(target, redaction) as context:
        if duckdb_path(compat.state_connection(context)) is None:
            return _read(context, target, execution_time)
    latest = _CACHE.latest(target)
    if latest is None:
        return None
    return due_at(latest.snapshots, target, execution_time, latest.planned, latest.prod)


def due_at(
    snapshots: Mapping[str, Snapshot],
    target: Target,
    execution_time: datetime,
    planned: float,
    prod: Environment | None = None,
) -> DueModels:
    """Return the due models of an environment at a time, planned at another (epoch seconds).

    What is left to `prod` is not due. Changes the snapshots, but not the state.
    """
    evaluation = _at(execution_time.isoformat())
    missing = compat.missing_intervals(snapshots, target.environment, evaluation)
    left = left_to_prod(prod, snapshots, target, evaluation)
    models = {
        name: _due(snapshots[name], target, execution_time, planned)
        for name in missing
        if name not in left.fqns and _can_be_selected(snapshots[name], snapshots)
    }
    upcoming = [
        snapshot.node.cron_next(execution_time)
        for snapshot in snapshots.values()
        if has_cron(snapshot) and snapshot.name not in models.keys() | left.shared
    ]
    restated = [
        snapshot.next_auto_restatement_ts
        for snapshot in snapshots.values()
        if snapshot.name not in left.shared
    ]
    upcoming += [to_datetime(timestamp) for timestamp in restated if timestamp]
    parents = {name: parent_names(snapshot) for name, snapshot in snapshots.items()}
    return DueModels(models, min(upcoming, default=None), parents, left_to_prod=left)


def missing_intervals(
    snapshots: Mapping[str, Snapshot], target: Target, at: str
) -> Mapping[str, list[tuple[int, int]]]:
    """Return what a run at that time would evaluate, by name. Changes the snapshots."""
    return compat.missing_intervals(snapshots, target.environment, _at(at))


def _at(time: str) -> Evaluation:
    return Evaluation(frozenset(), execution_time=time, end=time)


def _due(snapshot: Snapshot, target: Target, execution_time: datetime, planned: float) -> Due:
    ticks = [snapshot.node.cron_floor(execution_time)]
    if _has_auto_restatement(snapshot):
        after = execution_time + timedelta(seconds=1)
        ticks.append(snapshot.model.auto_restatement_croniter(after).get_prev())
    return Due(
        since=max(planned, *(each.timestamp() for each in ticks)),
        altered=(compat.altered_ms(snapshot, target.environment) or 0) / 1000,
        has_signals=snapshot.is_model and bool(snapshot.model.signals),
    )


def _has_auto_restatement(snapshot: Snapshot) -> bool:
    """Return whether runs write more of it than intervals: the time of the next restatement."""
    return snapshot.is_model and snapshot.model.auto_restatement_cron is not None


def _can_be_selected(snapshot: Snapshot, snapshots: Mapping[str, Snapshot]) -> bool:
    """Return whether a package can contain it. An audit needs the asset of a model it reads."""
    if not snapshot.is_audit:
        return True
    parents = [snapshots[each.name] for each in snapshot.parents if each.name in snapshots]
    return any(is_asset(parent) for parent in parents)
