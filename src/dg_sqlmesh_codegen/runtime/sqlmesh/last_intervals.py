"""Lets a run evaluate the last interval of models again, because what they read has changed.

`sqlmesh run --ignore-cron` evaluates missing whole intervals: a daily FULL model that ran at
midnight has none until the next midnight (tried with 0.206.1 and 0.236.4). So the last interval is
removed from the state, as SQLMesh's own restatement does. If the run is killed then, the interval
is missing, and the next run of the schedule evaluates it.
"""

from __future__ import annotations

from sqlmesh.utils.date import to_timestamp

from dg_sqlmesh_codegen.repeatable_kinds import REPEATABLE_KINDS

from . import compat
from .compat import Snapshot
from .open_run import OpenRun


def remove(run: OpenRun) -> None:
    """Remove the last interval of each selected model that has no missing one. Only of prod.

    Other environments share the intervals of versions with prod. Changes the snapshots: not the
    intervals that are removed, but those of an automatic restatement.
    """
    if not run.promoted.is_prod:
        return
    missing = run.promoted.missing_intervals(run.evaluation)
    names = sorted(run.evaluation.fqns - missing.keys())
    found = [each for each in map(run.promoted.snapshots.__getitem__, names) if _can(each)]
    compat.remove_intervals(run.context, {each: [_last(each)] for each in found})


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
