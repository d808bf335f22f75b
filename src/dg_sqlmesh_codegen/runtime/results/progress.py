"""What SQLMesh has reported of a run: batches, failed audits and errors of its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.due import Evaluated, LeftToProd
from dg_sqlmesh_codegen.runtime.events import AuditFailed, AuditUse, BatchEnded, DueModel
from dg_sqlmesh_codegen.runtime.text import clipped, display_name, shortened, time_range

_Batch = tuple[BatchEnded, list[AuditFailed]]


@dataclass(slots=True)
class Progress:
    """The batches of one due model, each with its failed audits.

    `batches` are those since the run started or restarted, `earlier` the successful ones before.
    `open_audits` failed in batches that have not ended.
    """

    due: DueModel
    earlier: list[_Batch] = field(default_factory=list)
    batches: list[_Batch] = field(default_factory=list)
    open_audits: list[AuditFailed] = field(default_factory=list)

    def batch_ended(self, batch: BatchEnded) -> None:
        """Add a batch, and assign the failed audits of its thread to it."""
        failed = [audit for audit in self.open_audits if audit.thread == batch.thread]
        self.open_audits = [audit for audit in self.open_audits if audit.thread != batch.thread]
        self.batches.append((batch, failed))

    def restarted(self, due: DueModel) -> Progress:
        """Return the progress after SQLMesh has restarted the run: successful batches are kept.

        SQLMesh repeats failed batches with their audits. If the model has a new version, nothing is
        kept.
        """
        if due.version != self.due.version:
            return Progress(due)
        return Progress(due, [*self.earlier, *(each for each in self.batches if each[0].succeeded)])

    @property
    def evaluated(self) -> list[BatchEnded]:
        """Every batch of the run, including those before a restart."""
        return [batch for batch, _ in (*self.earlier, *self.batches)]

    @property
    def failed_audits(self) -> dict[AuditUse, AuditFailed]:
        """The failed audits, with the rows of all batches added up."""
        total: dict[AuditUse, AuditFailed] = {}
        in_batches = (audit for _, audits in (*self.earlier, *self.batches) for audit in audits)
        for each in (*in_batches, *self.open_audits):
            rows = total[each.use].count if each.use in total else 0
            total[each.use] = replace(each, count=each.count + rows)
        return total

    @property
    def finished(self) -> bool:
        """Whether every batch ended successfully."""
        ended = [batch.succeeded for batch, _ in self.batches]
        return bool(ended) and len(ended) >= self.due.batches and all(ended)


@dataclass(slots=True)
class ModelErrors:
    """The errors of one model. SQLMesh goes on after a failed batch, so there can be several."""

    found: list[events.ModelFailed] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The different messages, in order, shortened."""
        return clipped(shortened([*dict.fromkeys(error.message for error in self.found)], "; "))

    @property
    def blocking_audits(self) -> frozenset[AuditUse]:
        """The audits that stopped the model."""
        return frozenset(use for error in self.found for use in error.blocking_audits)

    @property
    def retryable(self) -> bool:
        """Whether a retry can help with any of the errors: not all of them are blocking audits."""
        return any(error.retryable for error in self.found)


@dataclass(slots=True)
class RunState:
    """The models of one run, by fqn: promoted, in progress, evaluated, skipped or failed.

    `evaluated_before` is what the state says of evaluations before the run. `left_to_prod` is not
    evaluated in a development environment.
    """

    promoted: Mapping[str, events.PromotedModel] = field(default_factory=dict)
    evaluated_before: Mapping[str, Evaluated] = field(default_factory=dict)
    not_due: dict[str, Evaluated] = field(default_factory=dict)
    current: set[str] = field(default_factory=set)
    not_promoted: tuple[str, ...] = ()
    left_to_prod: LeftToProd = field(default_factory=LeftToProd)
    plan_command: str = ""
    progress: dict[str, Progress] = field(default_factory=dict)
    evaluated: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: dict[str, ModelErrors] = field(default_factory=dict)
    run_failed: bool = False
    ended: int = 0

    @property
    def settled(self) -> set[str]:
        """The models that were evaluated, were skipped or failed."""
        return {*self.evaluated, *self.skipped, *self.failed}

    def batch_line(self, batch: BatchEnded) -> str:
        """Count a batch that has ended, and return a line about it for the log."""
        self.ended += 1
        total = sum(each.due.batches for each in self.progress.values())
        rows = (
            f"{batch.rows} {'row' if batch.rows == 1 else 'rows'} "
            if batch.rows is not None
            else ""
        )
        took = f"{rows}in {(batch.duration_ms or 0) / 1000:.1f} s" if batch.succeeded else "failed"
        times = time_range(batch.start_ms, batch.end_ms)
        return f"{self.ended}/{total} {display_name(batch.fqn)} [{times}] {took}"

    def plan(self, due: Sequence[DueModel]) -> None:
        """Take the due models. A restart forgets an attempt, but for what it has finished."""
        self.ended = 0
        self.progress = {
            model.fqn: self.progress.get(model.fqn, Progress(model)).restarted(model)
            for model in due
        }
        self.skipped.clear()
        self.failed.clear()
