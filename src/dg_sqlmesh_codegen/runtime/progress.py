"""What has been heard of one model in a run: its batches, its failed audits, its errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import AuditFailed, AuditUse, BatchEnded, DueModel, ModelFailed


@dataclass(slots=True)
class Progress:
    """What has been heard of one model that is due."""

    due: DueModel
    batches: list[BatchEnded] = field(default_factory=list)
    failed_audits: dict[AuditUse, AuditFailed] = field(default_factory=dict)
    earlier: list[BatchEnded] = field(default_factory=list)

    def again(self, due: DueModel) -> Progress:
        """Return the progress after a restart: what had ended well stays evaluated."""
        ended_well = [batch for batch in self.batches if batch.duration_ms is not None]
        # What an audit found on a batch that failed is found again, or mended, by the next attempt.
        found = self.failed_audits if len(ended_well) == len(self.batches) else {}
        return Progress(due, [], dict(found), [*self.earlier, *ended_well])

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
        """The different errors, in the order they came."""
        return "; ".join(dict.fromkeys(error.message for error in self.found))

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
