"""The failure that ends a step, and which failed models made SQLMesh skip others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.text import clipped, counted, display_name, shortened

from .progress import ModelErrors

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


def of_models(
    failed: Mapping[str, ModelErrors], skipped: Iterable[str], run_error: Exception | None
) -> dg.Failure:
    """Return the failure of a step in which models failed.

    Args:
        failed: the errors of each failed model, by fqn.
        skipped: the models that SQLMesh skipped because of them.
        run_error: the error that ended SQLMesh's run, if any.
    """
    errors = [f"{display_name(fqn)}: {error.message}" for fqn, error in sorted(failed.items())]
    skipped_names = sorted(map(display_name, skipped))
    listed = shortened([clipped(error) for error in errors], "; ", _MAX_ERRORS)
    description = f"SQLMesh could not evaluate {counted(errors)}: {listed}"
    if skipped_names:
        description += f". Skipped downstream: {shortened(skipped_names)}"
    if run_error:
        description += f". SQLMesh's run ended with: {clipped(str(run_error))}"
    return dg.Failure(
        description=description,
        metadata={
            FAILED_MODELS: sorted(map(display_name, failed)),
            "sqlmesh/skipped": skipped_names,
        },
        allow_retries=run_error is not None or any(error.retryable for error in failed.values()),
    )


def of_run(error: Exception) -> dg.Failure:
    """Return the failure of a step in which SQLMesh's run failed as a whole."""
    return dg.Failure(f"SQLMesh's run failed: {clipped(str(error))}")
