"""Asset check results: of audits, and of the execution status."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import AuditFailed, AuditUse
from dg_sqlmesh_codegen.runtime.records import AuditCheck, ModelAsset

from . import metadata


def key(result: dg.AssetCheckResult) -> dg.AssetCheckKey | None:
    """Return the key of a result, or None if it has no asset or no name."""
    if result.asset_key is None or result.check_name is None:
        return None
    return dg.AssetCheckKey(result.asset_key, result.check_name)


def check_for(model: ModelAsset, use: AuditUse, uses: Sequence[AuditUse]) -> AuditCheck | None:
    """Return the check for one use of an audit, out of all `uses` on the promoted model.

    The arguments may differ if both the package and the promoted model use the audit only once.
    """
    named = [check for check in model.audits if check.audit == use.name and not check.standalone]
    for check in named:
        if tuple(sorted(check.args.items())) == use.args:
            return check
    is_only_use = len({other for other in uses if other.name == use.name}) == 1
    return named[0] if is_only_use and len(named) == 1 else None


def audit_result(
    check: AuditCheck, failed: AuditFailed | None, *, blocking: bool
) -> dg.AssetCheckResult:
    """Return the result of an audit that ran. `failed` is None if it passed."""
    warns = failed is not None and not blocking
    return dg.AssetCheckResult(
        passed=failed is None,
        asset_key=check.spec.asset_key,
        check_name=check.spec.name,
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        metadata=metadata.of_failed_audit(failed) if failed else {},
        description=_rows(failed.count) if failed else None,
    )


def status(
    model: ModelAsset, passed: bool, status: str, facts: metadata.Facts
) -> dg.AssetCheckResult:
    """Return the result of the check `sqlmesh_execution_status`."""
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=model.spec.key,
        check_name=model.status_check.name,
        severity=dg.AssetCheckSeverity.WARN if status == "skipped" else dg.AssetCheckSeverity.ERROR,
        metadata={"sqlmesh/status": dg.TextMetadataValue(status), **facts},
        description=status,
    )


def _rows(count: int) -> str:
    return "1 row failed" if count == 1 else f"{count} rows failed"
