"""Writes results to Dagster's event log that the op cannot yield.

Dagster refuses a yielded asset that the step does not have, and ignores what a step yields while
it is being stopped.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from dg_sqlmesh_codegen.runtime.results import checks
from dg_sqlmesh_codegen.runtime.results.run_results import SQLMeshResult

from . import compat


def log_result(
    context: compat.StepContext,
    result: SQLMeshResult,
    stored: Collection[dg.AssetKey | dg.AssetCheckKey] = (),
) -> None:
    """Write a materialization with its checks, or a check, as events of the step.

    Args:
        context: context of the op.
        result: the result to write.
        stored: the assets and checks to leave out.
    """
    results = [result] if isinstance(result, dg.AssetCheckResult) else result.check_results or ()
    if isinstance(result, dg.MaterializeResult) and result.asset_key not in stored:
        context.log_event(materialization(result))
    for check in results:
        check_key = checks.key(check)
        if check_key and check_key not in stored:
            evaluation = dg.AssetCheckEvaluation(
                asset_key=check_key.asset_key,
                check_name=check_key.name,
                passed=check.passed,
                metadata=dict(check.metadata or {}),
                severity=check.severity,
                description=check.description,
            )
            # An op may write it, although the annotation leaves it out.
            context.log_event(evaluation)  # type: ignore[arg-type]


def materialization(result: dg.MaterializeResult[None]) -> dg.AssetMaterialization:
    """Return the result as an event, with its data version."""
    version = result.data_version
    tags = {compat.DATA_VERSION_TAG: version.value} if version else {}
    return dg.AssetMaterialization(result.asset_key or (), metadata=result.metadata, tags=tags)


def log_missing(context: compat.StepContext, result: SQLMeshResult, since_seconds: float) -> None:
    """Write those events of a yielded result that Dagster has not stored.

    Args:
        context: context of the op.
        result: the result that the op yielded.
        since_seconds: when it was yielded, in epoch seconds. Events of earlier attempts of the step
            do not count.
    """
    stored = compat.stored_results(context.instance, context.run.run_id, since_seconds)
    log_result(context, result, stored)
