"""The metadata of results, under the keys `sqlmesh/...`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import AuditFailed, BatchEnded, DueModel, PromotedModel

Facts = Mapping[str, dg.MetadataValue]


def of_evaluation(due: DueModel, batches: Sequence[BatchEnded]) -> dict[str, dg.MetadataValue]:
    """Return the intervals, duration, rows and bytes of an evaluation."""
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
    """Return the promoted code version, if it differs from the package's."""
    if not code_version or not due.data_hash or due.data_hash == code_version:
        return {}
    return {"sqlmesh/code_version_promoted": dg.TextMetadataValue(due.data_hash)}


def of_recovered_evaluation(version: str, run_id: str) -> dict[str, dg.MetadataValue]:
    """Return the earlier run that evaluated a model without reporting it."""
    return {
        "sqlmesh/snapshot_version": dg.TextMetadataValue(version),
        "sqlmesh/evaluated_by_run": dg.DagsterRunMetadataValue(run_id),
    }


def of_failed_audit(failed: AuditFailed) -> dict[str, dg.MetadataValue]:
    """Return the number of rows, the query and the arguments of a failed audit."""
    return {
        "sqlmesh/count": dg.IntMetadataValue(failed.count),
        "sqlmesh/audit_query": dg.MarkdownMetadataValue(f"```sql\n{failed.query}\n```"),
        "sqlmesh/audit_args": dg.JsonMetadataValue(dict(failed.use.args)),
    }


def of_next_due(promoted: PromotedModel | None) -> dict[str, dg.MetadataValue]:
    """Return when a model is due next. Empty if no run evaluates it (a seed)."""
    if promoted is None or promoted.next_due_ms is None:
        return {}
    return {"sqlmesh/next_due": dg.TimestampMetadataValue(promoted.next_due_ms / 1000)}


def _intervals(batches: Sequence[BatchEnded]) -> list[list[str]]:
    """Return the intervals as ISO times. Adjacent intervals are merged."""
    merged: list[list[int]] = []
    for start, end in sorted((batch.start_ms, batch.end_ms) for batch in batches):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return [[_iso(start), _iso(end)] for start, end in merged]


def _iso(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat()
