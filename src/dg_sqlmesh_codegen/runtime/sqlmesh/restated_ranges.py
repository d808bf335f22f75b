"""Between which times a restatement can evaluate models, given what is evaluated upstream.

SQLMesh writes an evaluated interval down as done. If data upstream is missing then, no later run
evaluates the interval again. SQLMesh's plan rebuilds some kinds until now, and does not ask that.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from sqlmesh.utils.date import now_timestamp

from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.text import display_name, time_range

from .compat import Ranges
from .compat_restate import merge_intervals, start_ms
from .promoted import PromotedEnvironment
from .snapshots import has_cron


def bounded(ranges: Mapping[str, Ranges], promoted: PromotedEnvironment) -> dict[str, Ranges]:
    """Return the ranges, upstream first, up to where the models upstream are evaluated.

    Args:
        ranges: what SQLMesh would restate, by fqn.
        promoted: the environment.

    Raises:
        SetupError: a model upstream has missing intervals among them.
    """
    found: dict[str, Ranges] = {}
    there: dict[str, Ranges] = {}
    for name in promoted.upstream_first:
        own = _evaluated(name, promoted)
        upstream = {each: there[each] for each in promoted.parents[name] if each in there}
        restated = _clipped(_whole(name, ranges.get(name, []), own, promoted), own, upstream)
        if restated:
            _require_upstream(name, restated, upstream)
            found[name] = restated
        if has_cron(promoted.snapshots[name]):
            there[name] = merge_intervals([*own, *restated])
    return found


def _evaluated(name: str, promoted: PromotedEnvironment) -> Ranges:
    """Return what is evaluated of the table that readers of the environment query."""
    snapshot = promoted.snapshots[name]
    is_prods = promoted.deployability.is_representative(snapshot)
    return list(snapshot.intervals if is_prods else snapshot.dev_intervals)


def _whole(name: str, ranges: Ranges, own: Ranges, promoted: PromotedEnvironment) -> Ranges:
    """Begin a model at its start if it can only be rebuilt as a whole and has no intervals.

    That is what a restatement that was killed leaves.
    """
    snapshot = promoted.snapshots[name]
    if own or not ranges or not snapshot.full_history_restatement_only:
        return ranges
    return [(start_ms(snapshot, promoted), ranges[-1][1])]


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
