"""What a run evaluates beside the selected models: those upstream, and none of prod's.

A plan of a development environment copies nothing that did not change: its models without a change
have prod's snapshots, and with them prod's tables and intervals. `sqlmesh run pr_1` evaluates these
models where they are due: it writes prod's tables, and prod's intervals with them, so that prod's
own run finds nothing to do (tried with 0.206.1 and 0.236.4). A run of Dagster leaves them to prod.

Where the state has no environment `prod`, nothing is shared.
"""

from __future__ import annotations

from collections.abc import Collection

from dg_sqlmesh_codegen.runtime.due import LeftToProd
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Upstream
from dg_sqlmesh_codegen.runtime.text import display_name, shortened

from .compat import MissingIntervals
from .promoted import PromotedEnvironment


def chosen(promoted: PromotedEnvironment, evaluation: Evaluation) -> set[str]:
    """Return the selected nodes, and those upstream if asked, that are not left to prod."""
    found = evaluation.fqns & promoted.snapshots.keys()
    if evaluation.upstream is Upstream.INCLUDE:
        found |= promoted.upstream(found)
    return {*found - left_to_prod(promoted, evaluation).fqns}


def left_to_prod(promoted: PromotedEnvironment, evaluation: Evaluation) -> LeftToProd:
    """Return what a run of the environment does not evaluate, because it is prod's.

    With `upstream` "warn" or "ignore" nothing waits for prod.
    """
    shared = promoted.shared_with_prod(evaluation.start)
    if not shared or evaluation.upstream in (Upstream.WARN, Upstream.IGNORE):
        return LeftToProd(shared)
    return LeftToProd(shared, _waiting(promoted, shared, promoted.missing_intervals(evaluation)))


def missing_upstream(promoted: PromotedEnvironment, evaluation: Evaluation) -> str | None:
    """Return which upstream models that are not selected have missing intervals, as a sentence.

    Returns None if there are none. Changes the snapshots, but not the state.
    """
    missing = promoted.missing_intervals(evaluation)
    selected = evaluation.fqns
    late = {each for fqn in selected & missing.keys() for each in _late(promoted, fqn, missing)}
    if late <= selected:
        return None
    names = shortened([display_name(fqn) for fqn in sorted(late - selected)])
    return f"Upstream models that are not selected have missing intervals: {names}"


def _waiting(
    promoted: PromotedEnvironment, shared: Collection[str], missing: MissingIntervals
) -> dict[str, frozenset[str]]:
    """Return the due models that read what prod has not evaluated, with those models of prod.

    What is downstream of a waiting model waits with it.
    """
    found: dict[str, frozenset[str]] = {}
    for name in promoted.upstream_first:
        if name in missing and name not in shared:
            late = _late(promoted, name, missing)
            blocking = late.intersection(shared).union(*(found.get(each, ()) for each in late))
            if blocking:
                found[name] = frozenset(blocking)
    return found


def _late(promoted: PromotedEnvironment, fqn: str, missing: MissingIntervals) -> set[str]:
    """Return the models upstream of a due model that miss intervals which it is about to evaluate.

    SQLMesh would write these intervals of the model down as done.
    """
    return {
        each
        for each in promoted.upstream([fqn]) & missing.keys()
        if any(start < b and a < end for start, end in missing[each] for a, b in missing[fqn])
    }
