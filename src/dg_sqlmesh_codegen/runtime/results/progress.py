"""What SQLMesh has reported of a run: batches, failed audits and errors of its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.events import AuditFailed, AuditUse, BatchEnded, DueModel
from dg_sqlmesh_codegen.runtime.text import clipped, shortened


@dataclass(slots=True)
class Progress:
    """The batches and failed audits of one due model.

    `batches` are those since the run started or restarted, `earlier` the successful ones before.
    """

    due: DueModel
    batches: list[BatchEnded] = field(default_factory=list)
    earlier: list[BatchEnded] = field(default_factory=list)
    _in_good_batches: list[AuditFailed] = field(default_factory=list)
    _in_failed_batches: list[AuditFailed] = field(default_factory=list)
    _in_open_batches: list[AuditFailed] = field(default_factory=list)

    def audit_failed(self, failed: AuditFailed) -> None:
        """Add a failed audit of the batch that its thread is working on."""
        self._in_open_batches.append(failed)

    def batch_ended(self, batch: BatchEnded) -> None:
        """Add a batch, and assign the failed audits of its thread to it."""
        self.batches.append(batch)
        found = [each for each in self._in_open_batches if each.thread == batch.thread]
        self._in_open_batches = [x for x in self._in_open_batches if x.thread != batch.thread]
        failed = batch.duration_ms is None
        (self._in_failed_batches if failed else self._in_good_batches).extend(found)

    @property
    def failed_audits(self) -> dict[AuditUse, AuditFailed]:
        """The failed audits, with the rows of all batches added up."""
        failed: dict[AuditUse, AuditFailed] = {}
        for each in (*self._in_good_batches, *self._in_failed_batches, *self._in_open_batches):
            known = failed.get(each.use)
            count = each.count + (known.count if known else 0)
            failed[each.use] = replace(each, count=count)
        return failed

    def restarted(self, due: DueModel) -> Progress:
        """Return the progress after SQLMesh has restarted the run: successful batches are kept.

        SQLMesh repeats failed batches with their audits. If the model has a new version, nothing is
        kept.
        """
        if due.version != self.due.version:
            return Progress(due)
        successful = [batch for batch in self.batches if batch.duration_ms is not None]
        return Progress(due, [], [*self.earlier, *successful], list(self._in_good_batches))

    @property
    def evaluated(self) -> list[BatchEnded]:
        """Every batch of the run, including those before a restart."""
        return [*self.earlier, *self.batches]

    @property
    def finished(self) -> bool:
        """Whether every batch ended successfully."""
        return (
            bool(self.due.batches)
            and len(self.batches) >= self.due.batches
            and all(batch.duration_ms is not None for batch in self.batches)
        )


@dataclass(slots=True)
class ModelErrors:
    """The errors of one model. SQLMesh goes on after a failed batch, so there can be several."""

    found: list[events.ModelFailed] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The different messages, in order, shortened."""
        different = list(dict.fromkeys(error.message for error in self.found))
        return clipped(shortened(different, "; "))

    @property
    def blocking_audits(self) -> frozenset[AuditUse]:
        """The audits that stopped the model."""
        return frozenset(use for error in self.found for use in error.blocking_audits)

    @property
    def only_audits(self) -> bool:
        """Whether every error is a blocking audit. True without errors."""
        return all(error.blocking_audits for error in self.found)

    @property
    def retryable(self) -> bool:
        """Whether a retry can help with any of the errors."""
        return any(error.retryable for error in self.found)


@dataclass(slots=True)
class RunState:
    """The models of one run, by fqn: promoted, in progress, evaluated, skipped or failed."""

    promoted: Mapping[str, events.PromotedModel] = field(default_factory=dict)
    not_promoted: tuple[str, ...] = ()
    plan_command: str = ""
    progress: dict[str, Progress] = field(default_factory=dict)
    evaluated: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: dict[str, ModelErrors] = field(default_factory=dict)
    run_failed: bool = False

    def plan(self, due: Sequence[DueModel]) -> bool:
        """Take the due models; return whether SQLMesh has restarted the run."""
        before = self.progress
        self.restart(
            {model.fqn: before.get(model.fqn, Progress(model)).restarted(model) for model in due}
        )
        return bool(before)

    def restart(self, progress: dict[str, Progress]) -> None:
        """Forget an interrupted attempt. Only what it finished counts."""
        self.progress = progress
        self.skipped.clear()
        self.failed.clear()
