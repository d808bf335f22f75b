"""Results that cannot be yielded from the op: written to Dagster's event log directly.

Dagster refuses a yielded key that the step does not have, and takes nothing more from a step that
is being stopped.
"""

from __future__ import annotations

import dagster as dg

from dg_sqlmesh_codegen.runtime.results import checks

# Dagster documentation, "Asset versioning": the tags that carry both versions on a materialization.
_DATA_VERSION = "dagster/data_version"
_WRITTEN = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}


def log_results(
    context: dg.AssetExecutionContext, result: dg.MaterializeResult[None] | dg.AssetCheckResult
) -> None:
    """Write a materialization with its checks, or a check, as events of the step."""
    if isinstance(result, dg.AssetCheckResult):
        _log_check(context, result)
        return
    if result.asset_key is None:
        return
    version = result.data_version
    context.log_event(
        dg.AssetMaterialization(
            result.asset_key,
            metadata=result.metadata,
            tags={_DATA_VERSION: version.value} if version else {},
        )
    )
    for check in result.check_results or ():
        _log_check(context, check)


def log_unwritten(
    context: dg.AssetExecutionContext,
    result: dg.MaterializeResult[None] | dg.AssetCheckResult,
    since: float,
) -> None:
    """Write what Dagster's event log lacks of a result that the op has yielded.

    Args:
        context: of the op.
        result: what was yielded.
        since: when, in epoch seconds. The same check may have been written by an earlier attempt.
    """
    materialized: set[dg.AssetKey] = set()
    checked: set[dg.AssetCheckKey] = set()
    for entry in context.instance.all_logs(context.run.run_id, of_type=_WRITTEN):
        event = entry.dagster_event
        if event is None or entry.timestamp < since:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            materialized.add(event.step_materialization_data.materialization.asset_key)
        else:
            checked.add(event.asset_check_evaluation_data.asset_check_key)
    if isinstance(result, dg.AssetCheckResult):
        if checks.key(result) not in checked:
            _log_check(context, result)
    elif result.asset_key not in materialized:
        log_results(context, result)  # Dagster writes the checks after it
    else:
        for check in result.check_results or ():
            if checks.key(check) not in checked:
                _log_check(context, check)


def _log_check(context: dg.AssetExecutionContext, result: dg.AssetCheckResult) -> None:
    if result.asset_key is None or result.check_name is None:
        return
    evaluation = dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=dict(result.metadata or {}),
        severity=result.severity,
        description=result.description,
    )
    context.log_event(evaluation)
