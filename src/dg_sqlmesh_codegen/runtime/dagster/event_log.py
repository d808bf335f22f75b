"""Writes results to Dagster's event log that the op cannot yield.

Dagster refuses a yielded asset that the step does not have, and ignores what a step yields while
it is being stopped.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from dg_sqlmesh_codegen.runtime.results import checks

# Tag of a materialization that holds its data version (Dagster docs, "Asset versioning").
_DATA_VERSION_TAG = "dagster/data_version"
_RESULT_EVENTS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
_Result = dg.MaterializeResult[None] | dg.AssetCheckResult


def log_result(context: dg.AssetExecutionContext, result: _Result) -> None:
    """Write a materialization with its checks, or a check, as events of the step."""
    if isinstance(result, dg.AssetCheckResult):
        _log_checks(context, [result])
        return
    if result.asset_key is None:
        return
    version = result.data_version
    context.log_event(
        dg.AssetMaterialization(
            result.asset_key,
            metadata=result.metadata,
            tags={_DATA_VERSION_TAG: version.value} if version else {},
        )
    )
    _log_checks(context, result.check_results or ())


def log_missing(context: dg.AssetExecutionContext, result: _Result, since_seconds: float) -> None:
    """Write those events of a yielded result that Dagster has not stored.

    Args:
        context: context of the op.
        result: the result that the op yielded.
        since_seconds: when it was yielded, in epoch seconds. Events of earlier attempts of the step
            do not count.
    """
    materialized: set[dg.AssetKey] = set()
    checked: set[dg.AssetCheckKey] = set()
    for entry in context.instance.all_logs(context.run.run_id, of_type=_RESULT_EVENTS):
        event = entry.dagster_event
        if event is None or entry.timestamp < since_seconds:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            materialized.add(event.step_materialization_data.materialization.asset_key)
        else:
            checked.add(event.asset_check_evaluation_data.asset_check_key)
    if isinstance(result, dg.AssetCheckResult):
        _log_checks(context, [result], checked)
    elif result.asset_key not in materialized:
        log_result(context, result)  # Dagster stores the checks after the materialization
    else:
        _log_checks(context, result.check_results or (), checked)


def _log_checks(
    context: dg.AssetExecutionContext,
    results: Collection[dg.AssetCheckResult],
    stored: Collection[dg.AssetCheckKey] = (),
) -> None:
    for result in results:
        key = checks.key(result)
        if key is None or key in stored:
            continue
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=result.passed,
            metadata=dict(result.metadata or {}),
            severity=result.severity,
            description=result.description,
        )
        context.log_event(evaluation)
