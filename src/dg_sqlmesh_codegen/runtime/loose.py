"""Results that cannot be yielded from the op: written to Dagster's event log directly.

Dagster refuses a yielded key that the step does not have, and takes nothing more from a step that
is being stopped.
"""

from __future__ import annotations

import dagster as dg

# Dagster documentation, "Asset versioning": the tags that carry both versions on a materialization.
_DATA_VERSION = "dagster/data_version"


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
