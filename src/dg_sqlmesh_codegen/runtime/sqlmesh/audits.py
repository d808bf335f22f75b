"""Runs audits without evaluating their models, as `sqlmesh audit` does.

Nothing is written to the state: a standalone audit that is due stays due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from threading import get_ident

from sqlmesh import Context
from sqlmesh.utils.date import make_exclusive, now_timestamp, to_datetime, to_timestamp

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.due import DueModels
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError
from dg_sqlmesh_codegen.runtime.events import AuditEnded, DueRead
from dg_sqlmesh_codegen.runtime.run_target import Audits, Evaluation, Target

from . import compat, due_models
from .compat import DeployabilityIndex, Environment, Snapshot
from .console import audit_use
from .development import prod_of


@dataclass(frozen=True)
class AuditRun:
    """The audits of an evaluation, with all snapshots of the environment by fqn."""

    context: Context
    snapshots: Mapping[str, Snapshot]
    environment: Environment
    target: Target
    evaluation: Evaluation

    def execute(self, audits: Audits, stop: Stop) -> Iterator[AuditEnded | DueRead]:
        """Run the audits one after another, and yield the result of each; then what is due.

        Raises:
            RunStoppedError: `stop` was set.
        """
        for fqn in sorted(self.evaluation.fqns):
            yield from self._audits_of(fqn, audits, stop)
        if audits.status:  # changes the snapshots
            yield DueRead(self._due())

    def _due(self) -> DueModels:
        now = to_datetime(self.evaluation.execution_time or now_timestamp())
        planned = (self.environment.finalized_ts or 0) / 1000
        prod = prod_of(self.context, self.target)
        return due_models.due_at(self.snapshots, self.target, now, planned, prod)

    def _audits_of(self, fqn: str, audits: Audits, stop: Stop) -> Iterator[AuditEnded]:
        node = self.snapshots[fqn].node
        found = [each for each in node.audits_with_args if not each[0].skip]
        uses = tuple(audit_use(audit.name, args, node.dialect) for audit, args in found)
        for (audit, args), use in zip(found, uses, strict=True):
            if stop.is_set():
                raise RunStoppedError("the run was stopped before this audit")
            if (fqn, audit.name) in audits.names:
                gateway = self.snapshots[fqn].model_gateway
                stop.begin(partial(compat.open_handles, self.context, gateway, get_ident()))
                yield self._run(audit, args, AuditEnded(fqn, use, uses))
                stop.end()

    @cached_property
    def _deployability(self) -> DeployabilityIndex:
        return compat.deployability(self.snapshots.values(), self.target.environment)

    def _run(self, audit: object, args: Mapping[str, object], event: AuditEnded) -> AuditEnded:
        """Return the event with the result of the audit, or with why it could not run."""
        snapshot = self.snapshots[event.fqn]
        start, end = self._interval(snapshot)
        if not snapshot.is_audit and (start is None or end is None or start >= end):
            return replace(event, message="no interval of the model is evaluated in this time")
        event = replace(event, start_ms=start, end_ms=end)
        try:
            result = compat.run_audit(
                self.context,
                snapshot,
                audit=audit,
                audit_args=dict(args),
                snapshots=self.snapshots,
                start=start,
                end=end,
                execution_time=self.evaluation.execution_time,
                deployability_index=self._deployability,
            )
        except Exception as error:  # noqa: BLE001 - of any driver; the run fails with it
            return replace(event, message=str(error).strip() or type(error).__name__)
        adapter = self.context.snapshot_evaluator.get_adapter(snapshot.model_gateway)
        return replace(
            event,
            count=result.count,
            query=result.query.sql(dialect=adapter.dialect, pretty=True),
            blocking=result.blocking,
        )

    def _interval(self, snapshot: Snapshot) -> tuple[int | None, int | None]:
        """Return the times between which to audit: all that is evaluated, or the run's part of it.

        `sqlmesh audit` without a start and an end audits the first day of 1970. An audit of a model
        with a time column then passes, because it finds no rows.
        """
        is_deployable = self._deployability.is_deployable(snapshot)
        evaluated = snapshot.intervals if is_deployable else snapshot.dev_intervals
        start, end = self.evaluation.start, self.evaluation.end
        starts = [to_timestamp(start)] if start else []
        ends = [to_timestamp(make_exclusive(end))] if end else []
        if evaluated:
            starts.append(evaluated[0][0])
            ends.append(evaluated[-1][1])
        elif not snapshot.is_audit:
            return None, None
        return max(starts, default=None), min(ends, default=None)
