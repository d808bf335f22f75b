"""Lets a run evaluate the last interval of models again, because what they read has changed.

`sqlmesh run --ignore-cron` evaluates missing whole intervals: a daily FULL model that ran at
midnight has none until the next midnight (tried with 0.206.1 and 0.236.4). So the last interval is
removed from the state, as SQLMesh's own restatement does. If the run is killed then, the interval
is missing, and the next run of the schedule evaluates it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlmesh import Context
from sqlmesh.utils.date import to_timestamp

from dg_sqlmesh_codegen.repeatable_kinds import REPEATABLE_KINDS
from dg_sqlmesh_codegen.runtime.run_target import PROD, Evaluation, Target

from . import compat
from .compat import Snapshot


def remove(
    context: Context, snapshots: Mapping[str, Snapshot], target: Target, evaluation: Evaluation
) -> None:
    """Remove the last interval of each selected model that has no missing one. Only of prod.

    Other environments share the intervals of versions with prod. Changes the snapshots: not the
    intervals that are removed, but those of an automatic restatement.
    """
    if target.environment != PROD:
        return
    missing = compat.missing_intervals(snapshots, target.environment, evaluation)
    names = sorted(evaluation.fqns - missing.keys())
    compat.remove_intervals(
        context,
        [(each, _last(each)) for each in map(snapshots.__getitem__, names) if _can(each)],
    )


def _last(snapshot: Snapshot) -> tuple[int, int]:
    start, end = snapshot.intervals[-1]
    unit = snapshot.node.interval_unit
    return (max(start, to_timestamp(unit.cron_prev(end))) if unit else start), end


def _can(snapshot: Snapshot) -> bool:
    """Return whether a second evaluation has the result of a later one.

    A model that reads itself would read the rows of the first one, and `when_matched` can add to a
    row what it has added before.
    """
    if not snapshot.is_model or not snapshot.intervals:
        return False
    model = snapshot.model
    return (
        compat.kind_name(snapshot) in REPEATABLE_KINDS
        and not model.depends_on_self
        and not model.disable_restatement
        and not getattr(model.kind, "when_matched", None)
    )
