"""Upstream models that a run does not select."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target
from dg_sqlmesh_codegen.runtime.text import display_name, shortened

from . import compat
from .compat import Snapshot, snapshots_to_dag

Intervals = list[tuple[int, int]]


def with_audited_models(fqns: Collection[str], snapshots: Mapping[str, Snapshot]) -> set[str]:
    """Return the nodes and the models that the standalone audits among them read.

    SQLMesh adds what is upstream of selected models, but not what is upstream of audits.
    """
    audits = [snapshots[fqn] for fqn in fqns if snapshots[fqn].is_audit]
    return {*fqns, *(parent.name for audit in audits for parent in audit.parents)}


def with_upstream(fqns: Collection[str], snapshots: Mapping[str, Snapshot]) -> set[str]:
    """Return the nodes and all that is upstream of them."""
    dag = snapshots_to_dag(snapshots.values())
    return {
        *fqns,
        *(each.name for fqn in fqns for each in dag.upstream(snapshots[fqn].snapshot_id)),
    } & snapshots.keys()


def missing_upstream(
    target: Target, evaluation: Evaluation, snapshots: Mapping[str, Snapshot]
) -> str | None:
    """Return which upstream models that are not selected have missing intervals, as a sentence.

    Only intervals count that overlap with those that a selected model is about to evaluate.
    Returns None if there are none. Changes the snapshots, but not the state.
    """
    missing = compat.missing_intervals(snapshots, target.environment, evaluation)
    dag = snapshots_to_dag(snapshots.values())
    found = {
        parent.name
        for fqn in evaluation.fqns & missing.keys()
        for parent in dag.upstream(snapshots[fqn].snapshot_id)
        if parent.name not in evaluation.fqns
        and overlap(missing.get(parent.name, []), missing[fqn])
    }
    if not found:
        return None
    names = shortened([display_name(fqn) for fqn in sorted(found)])
    return f"Upstream models that are not selected have missing intervals: {names}"


def overlap(first: Intervals, second: Intervals) -> bool:
    """Return whether two lists of intervals have a time in common."""
    return any(start < b and a < end for start, end in first for a, b in second)
