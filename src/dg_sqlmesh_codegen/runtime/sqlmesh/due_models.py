"""Reads which models a run would evaluate."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlmesh import Context
from sqlmesh.utils.date import to_datetime

from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.due import Due, DueModels
from dg_sqlmesh_codegen.runtime.errors import RunHoldsStateError
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target

from . import compat
from .choice import left_to_prod
from .compat import Environment, Snapshot
from .context import in_context
from .promoted import PromotedEnvironment, read_environment, read_prod, read_snapshots
from .snapshots import evaluated_models, has_cron, is_asset
from .state_identity import duckdb_path

# What is promoted, as the ticks of this process have read it last. They run one at a time (see
# `schedule`). SQLMesh takes seconds to read a thousand snapshots, and a tick can come every few
# minutes. Snapshots only change when a plan is applied. Their intervals change with every run.
_CACHE: dict[Target, PromotedEnvironment] = {}


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
    try:
        return in_context(target, lambda each: _read(each, target, execution_time), request)
    except RunHoldsStateError:
        if not during_runs:
            raise
        found = in_context(target, lambda each: _of_run(each, target, execution_time))
        if found is None:
            raise
        return replace(found, during_run=True)


def _read(context: Context, target: Target, execution_time: datetime) -> DueModels:
    environment = read_environment(context, target)
    if not environment.finalized_ts:
        return DueModels({}, unfinished_plan=environment.plan_id)
    promoted = read_cached(context, target, environment)
    evaluated = evaluated_models(environment, promoted.snapshots)
    return replace(due_at(promoted, execution_time), evaluated=evaluated)


def _of_run(context: Context, target: Target, execution_time: datetime) -> DueModels | None:
    """Return what is due while a run holds the lock of the state; None if that is not known."""
    if duckdb_path(compat.state_connection(context)) is None:
        return _read(context, target, execution_time)
    return due_at(_CACHE[target], execution_time) if target in _CACHE else None


def read_cached(context: Context, target: Target, environment: Environment) -> PromotedEnvironment:
    """Return what is promoted, with current intervals. Reads snapshots only after a plan.

    A plan of prod changes snapshots of other environments: which of them prod has, too.
    """
    cached, prod = _CACHE.pop(target, None), read_prod(context, target)
    if cached and _plans(cached.environment, cached.prod) == _plans(environment, prod):
        snapshots = cached.snapshots
        compat.refresh_intervals(context, snapshots.values())
    else:
        snapshots = read_snapshots(context, environment)
    promoted = PromotedEnvironment(environment, snapshots, prod)
    if not any(map(_has_auto_restatement, snapshots.values())):
        _CACHE[target] = promoted
    return promoted


def _plans(*environments: Environment | None) -> list[object]:
    """Return what changes with every plan."""
    return [
        (each.plan_id, each.finalized_ts, frozenset(table.snapshot_id for table in each.snapshots))
        for each in filter(None, environments)
    ]


def due_at(promoted: PromotedEnvironment, execution_time: datetime) -> DueModels:
    """Return the due models of an environment at a time.

    What is left to prod is not due. Changes the snapshots, but not the state.
    """
    evaluation = whole_run(execution_time.isoformat())
    snapshots, missing = promoted.snapshots, promoted.missing_intervals(evaluation)
    left = left_to_prod(promoted, evaluation)
    models = {
        name: _due(snapshots[name], promoted.environment, execution_time)
        for name in missing
        if name not in left.fqns and _can_be_selected(name, promoted)
    }
    upcoming = [
        snapshot.node.cron_next(execution_time)
        for name, snapshot in snapshots.items()
        if has_cron(snapshot) and name not in models.keys() | left.shared
    ]
    restated = [
        snapshot.next_auto_restatement_ts
        for name, snapshot in snapshots.items()
        if name not in left.shared
    ]
    upcoming += [to_datetime(timestamp) for timestamp in restated if timestamp]
    return DueModels(models, min(upcoming, default=None), promoted.parents, left_to_prod=left)


def whole_run(time: str) -> Evaluation:
    """Return the evaluation of all that is missing at a time."""
    return Evaluation(frozenset(), execution_time=time, end=time)


def _due(snapshot: Snapshot, environment: Environment, execution_time: datetime) -> Due:
    ticks = [snapshot.node.cron_floor(execution_time)]
    if _has_auto_restatement(snapshot):
        after = execution_time + timedelta(seconds=1)
        ticks.append(snapshot.model.auto_restatement_croniter(after).get_prev())
    planned = (environment.finalized_ts or 0) / 1000
    return Due(
        since=max(planned, *(each.timestamp() for each in ticks)),
        altered=(compat.altered_ms(snapshot, environment.name) or 0) / 1000,
        has_signals=snapshot.is_model and bool(snapshot.model.signals),
    )


def _has_auto_restatement(snapshot: Snapshot) -> bool:
    """Return whether runs write more of it than intervals: the time of the next restatement."""
    return snapshot.is_model and snapshot.model.auto_restatement_cron is not None


def _can_be_selected(name: str, promoted: PromotedEnvironment) -> bool:
    """Return whether a package can contain it. An audit needs the asset of a model it reads."""
    snapshots = promoted.snapshots
    parents = [snapshots[each] for each in promoted.parents[name] if each in snapshots]
    return not snapshots[name].is_audit or any(map(is_asset, parents))
