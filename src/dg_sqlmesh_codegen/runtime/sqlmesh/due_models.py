"""Reads which models a run would evaluate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmesh import Context
from sqlmesh.utils.date import to_datetime

from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.due import Due, DueModels
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

# A code location has one project, sometimes two. Each keeps its models in memory.
_MAX_TARGETS = 2


class SnapshotCache:
    """The promoted snapshots of the latest targets. Not thread-safe.

    SQLMesh takes seconds to read a thousand snapshots, and a tick can come every few minutes.
    Snapshots only change when a plan is applied. Their intervals change with every run.
    """

    def __init__(self) -> None:
        self._cached: OrderedDict[Target, tuple[object, dict[str, Snapshot]]] = OrderedDict()

    def read(
        self,
        context: Context,
        target: Target,
        environment: Environment,
        prod: Environment | None = None,
    ) -> dict[str, Snapshot]:
        """Return the promoted snapshots with their current intervals, by fqn.

        A plan of prod changes snapshots of other environments: which of them prod has, too.
        """
        version = (_version(environment), _version(prod) if prod else None)
        cached_version, snapshots = self._cached.pop(target, (None, {}))
        if cached_version == version:
            compat.refresh_intervals(context, snapshots.values())
        else:
            snapshots = read_snapshots(context, environment)
        if not any(map(_has_auto_restatement, snapshots.values())):
            self._cached[target] = (version, snapshots)
            while len(self._cached) > _MAX_TARGETS:
                self._cached.popitem(last=False)
        return snapshots


def _version(environment: Environment) -> object:
    """Return what changes with every plan."""
    ids = frozenset(snapshot.snapshot_id for snapshot in environment.snapshots)
    return environment.plan_id, environment.finalized_ts, ids


# Shared by the ticks of this process, which run one at a time (see `schedule`).
_CACHE = SnapshotCache()


def read_due_models(target: Target, execution_time: datetime) -> DueModels:
    """Return which models a run at `execution_time` would evaluate.

    Signals are left to the run: they are code of the project, and can take longer than a tick.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        StateBusyError: a run holds the lock, or another process has opened the state's database.
        RunError: any other error, without secrets.
    """

    def read(redaction: Redaction) -> DueModels:
        request = LockRequest("", target.locking.for_tick())
        with open_context(target, redaction, request) as context:
            environment = read_environment(context, target)
            if not environment.finalized_ts:
                return DueModels({}, unfinished_plan=environment.plan_id)
            prod = prod_of(context, target)
            snapshots = _CACHE.read(context, target, environment, prod)
        evaluated = evaluated_models(snapshots, environment, target)
        planned = environment.finalized_ts / 1000
        found = due_at(snapshots, target, execution_time, planned, prod)
        return replace(found, evaluated=evaluated)

    return redacted_errors(read)


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
