"""Runs audits without evaluating their models, as `sqlmesh audit` does.

Nothing is written to the state: a standalone audit that is due stays due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from threading import get_ident

from sqlmesh.utils.date import make_exclusive, now_timestamp, to_datetime, to_timestamp

from dg_sqlmesh_codegen.runtime.errors import RunStoppedError
from dg_sqlmesh_codegen.runtime.events import AuditEnded, DueRead
from dg_sqlmesh_codegen.runtime.run_target import Audits

from . import compat, due_models
from .compat import Snapshot
from .console import audit_use
from .open_run import OpenRun


def execute(run: OpenRun, audits: Audits) -> None:
    """Run the audits one after another, and emit the result of each; then what is due.

    Raises:
        RunStoppedError: the run was stopped.
    """
    for fqn in sorted(run.evaluation.fqns):
        for event in _audits_of(run, fqn, audits):
            run.emit_redacted(event)
    if audits.status:  # changes the snapshots
        now = to_datetime(run.evaluation.execution_time or now_timestamp())
        run.emit(DueRead(due_models.due_at(run.promoted, now)))


def _audits_of(run: OpenRun, fqn: str, audits: Audits) -> Iterator[AuditEnded]:
    snapshot = run.promoted.snapshots[fqn]
    found = [each for each in snapshot.node.audits_with_args if not each[0].skip]
    uses = tuple(audit_use(audit.name, args, snapshot.node.dialect) for audit, args in found)
    for (audit, args), use in zip(found, uses, strict=True):
        if run.stop.is_set():
            raise RunStoppedError("the run was stopped before this audit")
        if (fqn, audit.name) in audits.names:
            handles = partial(compat.open_handles, run.context, snapshot.model_gateway, get_ident())
            run.stop.begin(handles)
            yield _audit(run, snapshot, audit, args, AuditEnded(fqn, use, uses))
            run.stop.end()


def _audit(
    run: OpenRun,
    snapshot: Snapshot,
    audit: object,
    args: Mapping[str, object],
    event: AuditEnded,
) -> AuditEnded:
    """Return the event with the result of the audit, or with why it could not run."""
    start, end = _interval(run, snapshot)
    if not snapshot.is_audit and (start is None or end is None or start >= end):
        return replace(event, message="no interval of the model is evaluated in this time")
    event = replace(event, start_ms=start, end_ms=end)
    try:
        result = compat.run_audit(
            run.context,
            snapshot,
            audit=audit,
            audit_args=dict(args),
            snapshots=run.promoted.snapshots,
            start=start,
            end=end,
            execution_time=run.evaluation.execution_time,
            deployability_index=run.promoted.deployability,
        )
    except Exception as error:  # noqa: BLE001 - of any driver; the run fails with it
        return replace(event, message=str(error).strip() or type(error).__name__)
    dialect = run.context.snapshot_evaluator.get_adapter(snapshot.model_gateway).dialect
    return replace(
        event,
        count=result.count,
        query=result.query.sql(dialect=dialect, pretty=True),
        blocking=result.blocking,
    )


def _interval(run: OpenRun, snapshot: Snapshot) -> tuple[int | None, int | None]:
    """Return the times between which to audit: all that is evaluated, or the run's part of it.

    `sqlmesh audit` without a start and an end audits the first day of 1970. An audit of a model
    with a time column then passes, because it finds no rows.
    """
    is_deployable = run.promoted.deployability.is_deployable(snapshot)
    evaluated = snapshot.intervals if is_deployable else snapshot.dev_intervals
    if not evaluated and not snapshot.is_audit:
        return None, None
    start, end = run.evaluation.start, run.evaluation.end
    starts = [to_timestamp(start)] if start else []
    ends = [to_timestamp(make_exclusive(end))] if end else []
    starts += [evaluated[0][0]] if evaluated else []
    ends += [evaluated[-1][1]] if evaluated else []
    return max(starts, default=None), min(ends, default=None)
