"""Asset check results: of audits, and of the execution status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import AuditFailed, AuditUse
from dg_sqlmesh_codegen.runtime.records import ModelAsset, ModelCheck, arguments, sql_block

Fact = dg.MetadataValue | str | int | float | list[str] | list[list[str]]
Facts = Mapping[str, Fact]
_NO_FACTS: Facts = {}


def key(result: dg.AssetCheckResult) -> dg.AssetCheckKey | None:
    """Return the key of a result, or None if it has no asset or no name."""
    if result.asset_key is None or result.check_name is None:
        return None
    return dg.AssetCheckKey(result.asset_key, result.check_name)


def check_for(model: ModelAsset, use: AuditUse, uses: Sequence[AuditUse]) -> ModelCheck | None:
    """Return the check for one use of an audit, out of all `uses` on the promoted model.

    The arguments may differ if both the package and the promoted model use the audit only once.
    """
    named = [
        check
        for check in model.audit_checks
        if check.audit.name == use.name and not check.audit.standalone
    ]
    for check in named:
        if tuple(sorted(check.args.items())) == use.args:
            return check
    is_only_use = len({other for other in uses if other.name == use.name}) == 1
    return named[0] if is_only_use and len(named) == 1 else None


def audit_result(
    check: ModelCheck, failed: AuditFailed | None, *, blocking: bool, facts: Facts = _NO_FACTS
) -> dg.AssetCheckResult:
    """Return the result of an audit that ran. `failed` is None if it passed."""
    key, name = check.spec.asset_key, check.spec.name
    if failed is None:
        facts = {"sqlmesh/count": 0, **facts}  # Dagster plots it over time
        return dg.AssetCheckResult(passed=True, asset_key=key, check_name=name, metadata=facts)
    return dg.AssetCheckResult(
        passed=False,
        asset_key=key,
        check_name=name,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        metadata={
            "sqlmesh/count": failed.count,
            "sqlmesh/audit_query": sql_block(failed.query),
            "sqlmesh/audit_args": arguments(dict(failed.use.args)) or "none",
            **facts,
        },
        description="1 row failed" if failed.count == 1 else f"{failed.count} rows failed",
    )


def status(
    model: ModelAsset, passed: bool, status: str, facts: Facts, detail: str = ""
) -> dg.AssetCheckResult:
    """Return the result of the check `sqlmesh_execution_status`. People see the `detail` first."""
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=model.spec.key,
        check_name=model.status_check.name,
        severity=dg.AssetCheckSeverity.WARN if status == "skipped" else dg.AssetCheckSeverity.ERROR,
        metadata={"sqlmesh/status": status, **facts},
        description=f"{status}: {detail}" if detail else status,
    )
