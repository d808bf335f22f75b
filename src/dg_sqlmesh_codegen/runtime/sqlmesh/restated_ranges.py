"""Between which times a restatement can evaluate models, given what is evaluated upstream.

SQLMesh writes an evaluated interval down as done. If data upstream is missing then, no later run
evaluates the interval again. SQLMesh's plan rebuilds some kinds until now, and does not ask that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from sqlmesh.utils.date import now_timestamp

from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.text import display_name, time_range

from . import compat_restate, promoted
from .compat import Snapshot, snapshots_to_dag
from .compat_restate import Ranges


def bounded(
    ranges: Mapping[str, Ranges],
    snapshots: Mapping[str, Snapshot],
    evaluated: Callable[[Snapshot], Ranges],
) -> dict[str, Ranges]:
    """Return the ranges, upstream first, up to where the models upstream are evaluated.

    Args:
        ranges: what SQLMesh would restate, by fqn.
        snapshots: all snapshots of the environment by fqn.
        evaluated: returns the intervals of a snapshot in the environment.

    Raises:
        SetupError: a model upstream has missing intervals among them.
    """
    found: dict[str, Ranges] = {}
    there: dict[str, Ranges] = {}
    for identifier in snapshots_to_dag(snapshots.values()):
        if identifier.name not in snapshots:
            continue
        snapshot = snapshots[identifier.name]
        name, own = snapshot.name, evaluated(snapshot)
        upstream = {each: there[each] for each in promoted.parent_names(snapshot) if each in there}
        restated = _clipped(_whole(snapshot, ranges.get(name, []), own, snapshots), own, upstream)
        if restated:
            _require_upstream(name, restated, upstream)
            found[name] = restated
        if promoted.has_cron(snapshot):
            there[name] = merged([*own, *restated])
    return found


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the ranges with adjacent ones merged."""
    found: Ranges = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _whole(
    snapshot: Snapshot, ranges: Ranges, own: Ranges, snapshots: Mapping[str, Snapshot]
) -> Ranges:
    """Begin a model at its start if it can only be rebuilt as a whole and has no intervals.

    That is what a restatement that was killed leaves.
    """
    if own or not ranges or not snapshot.full_history_restatement_only:
        return ranges
    return [(compat_restate.start_ms(snapshot, snapshots), ranges[-1][1])]


def _clipped(ranges: Ranges, own: Ranges, upstream: Mapping[str, Ranges]) -> Ranges:
    """End the ranges where the models upstream end, or where the model itself is evaluated."""
    ends = [each[-1][1] if each else 0 for each in upstream.values()]
    last = max(own[-1][1] if own else 0, min(ends, default=now_timestamp()))
    return [(start, min(end, last)) for start, end in ranges if start < last]


def _require_upstream(name: str, restated: Ranges, upstream: Mapping[str, Ranges]) -> None:
    for parent, there in sorted(upstream.items()):
        gaps = [(a, b) for (_, a), (b, _) in pairwise(there)]
        missing = restated if not there else gaps
        for start, end in missing:
            if any(start < b and a < end for a, b in restated):
                raise SetupError(
                    f"{display_name(name)} reads {display_name(parent)}, which has missing "
                    f"intervals: [{time_range(start, end)}]",
                    "Evaluate them first, in a run of the models.",
                )
