"""What has been heard of one model in a run: its batches, its failed audits, its errors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dg_sqlmesh_codegen.runtime.events import (
    AuditFailed,
    AuditUse,
    BatchEnded,
    DueModel,
    ModelFailed,
)
from dg_sqlmesh_codegen.runtime.text import clipped, shortened


@dataclass(slots=True)
class Progress:
    """What has been heard of one model that is due."""

    due: DueModel
    batches: list[BatchEnded] = field(default_factory=list)
    earlier: list[BatchEnded] = field(default_factory=list)
    _found: list[AuditFailed] = field(default_factory=list)
    _of_failed_batches: list[AuditFailed] = field(default_factory=list)
    _of_open_batches: list[AuditFailed] = field(default_factory=list)

    def audit_failed(self, failed: AuditFailed) -> None:
        """Take what an audit found on the batch that its thread is at."""
        self._of_open_batches.append(failed)

    def batch_ended(self, batch: BatchEnded) -> None:
        """Take a batch, and with it what audits found on it."""
        self.batches.append(batch)
        found = [each for each in self._of_open_batches if each.thread == batch.thread]
        self._of_open_batches = [x for x in self._of_open_batches if x.thread != batch.thread]
        (self._of_failed_batches if batch.duration_ms is None else self._found).extend(found)

    @property
    def failed_audits(self) -> dict[AuditUse, AuditFailed]:
        """The audits that found something, with the rows of all batches added up."""
        failed: dict[AuditUse, AuditFailed] = {}
        for each in (*self._found, *self._of_failed_batches, *self._of_open_batches):
            before = failed.get(each.use)
            count = each.count + (before.count if before else 0)
            failed[each.use] = replace(each, count=count)
        return failed

    def again(self, due: DueModel) -> Progress:
        """Return the progress after a restart: what had ended well stays evaluated.

        What an audit found on a batch that failed is found again, or mended, by the next attempt;
        of a model that has got another version meanwhile, nothing counts any more.
        """
        if due.version != self.due.version:
            return Progress(due)
        ended_well = [batch for batch in self.batches if batch.duration_ms is not None]
        return Progress(due, [], [*self.earlier, *ended_well], list(self._found))

    @property
    def evaluated(self) -> list[BatchEnded]:
        """Every batch of the run, those before a restart too."""
        return [*self.earlier, *self.batches]

    @property
    def finished(self) -> bool:
        """Whether every batch ended well."""
        return (
            bool(self.due.batches)
            and len(self.batches) >= self.due.batches
            and all(batch.duration_ms is not None for batch in self.batches)
        )


@dataclass(slots=True)
class Errors:
    """Why a model failed: SQLMesh goes on with its other batches, and each may fail in its way."""

    found: list[ModelFailed] = field(default_factory=list)

    def add(self, error: ModelFailed) -> None:
        """Take one more error of the model."""
        self.found.append(error)

    @property
    def message(self) -> str:
        """The different errors, in the order they came, and of many the first."""
        different = list(dict.fromkeys(error.message for error in self.found))
        return clipped(shortened(different, "; "))

    @property
    def blocking_audits(self) -> frozenset[AuditUse]:
        """The audits that stopped the model."""
        return frozenset(use for error in self.found for use in error.blocking_audits)

    @property
    def only_audits(self) -> bool:
        """Whether nothing but audits stopped it (or nothing did)."""
        return all(error.blocking_audits for error in self.found)

    @property
    def retryable(self) -> bool:
        """Whether trying again could help with any of the errors."""
        return any(error.retryable for error in self.found)
