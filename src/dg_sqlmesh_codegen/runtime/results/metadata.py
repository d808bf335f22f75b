"""The metadata of what happened, under keys of ours: `sqlmesh/...`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import AuditFailed, BatchEnded, DueModel, PromotedModel

Facts = Mapping[str, dg.MetadataValue]


def of_evaluation(due: DueModel, batches: Sequence[BatchEnded]) -> dict[str, dg.MetadataValue]:
    """Describe an evaluation: what time it covered, how long it took, how many rows it moved."""
    facts: dict[str, dg.MetadataValue] = {
        "sqlmesh/snapshot_version": dg.TextMetadataValue(due.version),
        "sqlmesh/intervals": dg.JsonMetadataValue(_intervals(batches)),
        "sqlmesh/batches": dg.IntMetadataValue(len(batches)),
        "sqlmesh/duration_seconds": dg.FloatMetadataValue(
            sum(batch.duration_ms or 0 for batch in batches) / 1000
        ),
    }
    rows = [batch.rows for batch in batches if batch.rows is not None]
    if rows:
        facts["sqlmesh/rows_processed"] = dg.IntMetadataValue(sum(rows))
    size = [batch.bytes for batch in batches if batch.bytes is not None]
    if size:
        facts["sqlmesh/bytes_processed"] = dg.IntMetadataValue(sum(size))
    return facts


def of_other_version(due: DueModel, code_version: str | None) -> dict[str, dg.MetadataValue]:
    """Name the version that was run, where the package says another."""
    if not code_version or not due.data_hash or due.data_hash == code_version:
        return {}
    return {"sqlmesh/code_version_promoted": dg.TextMetadataValue(due.data_hash)}


def of_lost_evaluation(version: str, run_id: str) -> dict[str, dg.MetadataValue]:
    """Describe an evaluation by an earlier run, which did not live to report it."""
    return {
        "sqlmesh/snapshot_version": dg.TextMetadataValue(version),
        "sqlmesh/evaluated_by_run": dg.DagsterRunMetadataValue(run_id),
    }


def of_failed_audit(failed: AuditFailed) -> dict[str, dg.MetadataValue]:
    """Describe a failed audit: how many rows, found by which query, with which arguments."""
    return {
        "sqlmesh/count": dg.IntMetadataValue(failed.count),
        "sqlmesh/audit_query": dg.MarkdownMetadataValue(f"```sql\n{failed.query}\n```"),
        "sqlmesh/audit_args": dg.JsonMetadataValue(dict(failed.use.args)),
    }


def of_next_due(promoted: PromotedModel | None) -> dict[str, dg.MetadataValue]:
    """Say when a model that is not due will be; nothing for one that no run evaluates (a seed)."""
    if promoted is None or promoted.next_due is None:
        return {}
    return {"sqlmesh/next_due": dg.TimestampMetadataValue(promoted.next_due / 1000)}


def of_failure(message: str) -> dict[str, dg.MetadataValue]:
    """Say why a model failed, in SQLMesh's words."""
    return {"sqlmesh/error": dg.TextMetadataValue(message)}


def of_skip(upstream: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """Name the failed models upstream that made SQLMesh skip a model."""
    return {"sqlmesh/failed_upstream": dg.JsonMetadataValue(list(upstream))}


def _intervals(batches: Sequence[BatchEnded]) -> list[list[str]]:
    """Return the intervals as ISO times, with those that touch joined."""
    joined: list[list[int]] = []
    for start, end in sorted((batch.start, batch.end) for batch in batches):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return [[_iso(start), _iso(end)] for start, end in joined]


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
