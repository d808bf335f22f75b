"""The failure that ends a step, and which failed models made SQLMesh skip others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.text import clipped, counted, display_name, shortened

from . import drift
from .progress import RunState

# Metadata key of a failure that lists the failed models.
FAILED_MODELS = "sqlmesh/failed"
# Dagster shows the description on one page.
_MAX_ERRORS = 10
_EMPTY: frozenset[str] = frozenset()


def upstream_first(promoted: Mapping[str, PromotedModel]) -> Iterable[str]:
    """Yield the fqns of all models, and of their parents, each one after its parents."""
    parents = {fqn: {*model.parents} - {fqn} for fqn, model in promoted.items()}
    return TopologicalSorter(parents).static_order()


def failed_upstream(
    promoted: Mapping[str, PromotedModel], failed: Collection[str]
) -> dict[str, frozenset[str]]:
    """Return for each model the nearest failed models upstream of it, by fqn."""
    found: dict[str, frozenset[str]] = {}
    for fqn in upstream_first(promoted):
        parents = {*promoted[fqn].parents} - {fqn} if fqn in promoted else ()
        sets = {frozenset([each]) if each in failed else found[each] for each in parents}
        # Shared, so that a chain of a thousand models holds one set.
        found[fqn] = next(iter(sets)) if len(sets) == 1 else _EMPTY.union(*sets)
    return found


def of_step(
    state: RunState, run_error: Exception | None, not_due: Collection[str] = ()
) -> dg.Failure | None:
    """Return the failure that ends a step after all results, or None.

    Args:
        state: what SQLMesh has reported.
        run_error: the error that ended SQLMesh's run, if any.
        not_due: selected models that were not due and have no materialization.
    """
    failed, parts = state.failed, []
    metadata = {}
    if failed:
        errors = [f"{display_name(fqn)}: {error.message}" for fqn, error in sorted(failed.items())]
        listed = shortened([clipped(error) for error in errors], "; ", _MAX_ERRORS)
        parts.append(f"SQLMesh could not evaluate {counted(errors)}: {listed}")
        skipped = sorted(map(display_name, state.skipped - state.evaluated - set(failed)))
        if skipped:
            parts.append(f"Skipped downstream: {shortened(skipped)}")
        metadata = {FAILED_MODELS: sorted(map(display_name, failed)), "sqlmesh/skipped": skipped}
    elif state.run_failed:
        parts.append("SQLMesh's run failed, and SQLMesh did not report which model failed")
    if run_error:
        outcome = "ended with" if failed else "failed"
        parts.append(f"SQLMesh's run {outcome}: {clipped(str(run_error))}")
    if state.not_promoted:
        parts += drift.not_promoted(state.not_promoted, state.plan_command, state.promoted)
    if not parts:
        return None
    if not_due:
        # Of a run that fails, the UI shows every planned asset without a materialization as failed.
        names = shortened(sorted(map(display_name, not_due)))
        parts.append(f"Not due, although Dagster shows them as failed: {names}")
    return dg.Failure(
        description=". ".join(parts),
        metadata=metadata,
        allow_retries=run_error is not None
        or (state.run_failed and not failed)
        or any(error.retryable for error in failed.values()),
    )
