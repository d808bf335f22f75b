"""Reads from SQLMesh's state which promoted models were evaluated, whoever did it."""

from __future__ import annotations

from collections.abc import Mapping

from dg_sqlmesh_codegen.runtime.due import Evaluated
from dg_sqlmesh_codegen.runtime.run_target import PROD, Target

from . import compat
from .compat import Environment, Snapshot
from .promoted import is_asset, view_of


def evaluated_models(
    snapshots: Mapping[str, Snapshot], environment: Environment, target: Target
) -> dict[str, Evaluated]:
    """Return the evaluated models of an environment by fqn. Call it before `missing_intervals`.

    The intervals of a version are in the state once, also if several environments share it.
    """
    before = {each.name: each.version for each in environment.previous_finalized_snapshots or ()}
    found = {}
    for name, snapshot in snapshots.items():
        intervals = _intervals(snapshot, target)
        if intervals and is_asset(snapshot):
            altered = compat.altered_ms(snapshot, target.environment)
            is_new = before.get(name) != snapshot.version
            by = _evaluated_by(snapshot, altered, environment.finalized_ts, is_new=is_new)
            is_prod = target.environment == PROD
            found[name] = Evaluated(
                version=str(snapshot.version),
                intervals=intervals,
                at_ms=altered,
                by=by,
                view="" if is_prod else view_of(snapshot, environment),
                environment=None if is_prod else target.environment,
            )
    return found


def _intervals(snapshot: Snapshot, target: Target) -> tuple[tuple[int, int], ...]:
    is_preview = target.environment != PROD and snapshot.dev_intervals
    return tuple(snapshot.dev_intervals if is_preview else snapshot.intervals)


def _evaluated_by(
    snapshot: Snapshot, altered: int | None, finalized: int | None, *, is_new: bool
) -> str:
    """Return what evaluated a model last, as far as the state tells.

    No run of the environment evaluates seeds, or a version that its latest plan has promoted first,
    until that plan has ended. A version that was promoted before can have been evaluated by a run,
    or restated by the plan.
    """
    if snapshot.is_seed:
        return "plan"
    if altered and finalized and altered > finalized:
        return "run"
    return "plan" if altered and is_new else "plan or run"
