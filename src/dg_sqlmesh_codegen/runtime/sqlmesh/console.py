"""SQLMesh's console and notifier of one run -> events.

Imports SQLMesh, so it is imported at execution time only. Both objects belong to one run and are
handed to its context; nothing process-wide is set. SQLMesh calls them from its worker threads.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Any

from sqlglot import exp
from sqlmesh.core.console import NoopConsole
from sqlmesh.core.notification_target import GenericNotificationTarget, NotificationEvent
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.utils.errors import AuditError, NodeAuditsErrors

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError
from dg_sqlmesh_codegen.runtime.events import (
    AuditFailed,
    AuditUse,
    BatchEnded,
    DueModel,
    Event,
    Level,
    Message,
    ModelFailed,
    ModelsSkipped,
    RunPlanned,
)

Emit = Callable[[Event], None]


class FailedAudits:
    """Emits an `AuditFailed` for each audit error, once.

    A model's owner is notified, too: where that is the user whom the project notifies, SQLMesh
    tells the same target twice.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._seen: dict[int, AuditError] = {}  # holds the errors, so that no id comes again

    def __call__(self, error: AuditError) -> None:
        """Take an error from one of SQLMesh's threads."""
        if id(error) in self._seen:
            return
        self._seen[id(error)] = error
        self._emit(
            AuditFailed(
                # No model owns a standalone audit: it is a node under its own name.
                fqn=error.model.fqn if error.model else error.audit_name,
                use=_failed_use(error),
                count=error.count,
                query=error.sql(pretty=True),
                thread=get_ident(),
            )
        )


# mypy sees that SQLMesh's base is frozen, and not that the class in between inherits it.
class AuditNotifier(GenericNotificationTarget, frozen=True):  # type: ignore[misc]
    """The notification target that hears of failed audits, blocking or not.

    SQLMesh documentation, "Notifications": a target is told of the events in `notify_on`.
    """

    notify_on: frozenset[NotificationEvent] = frozenset({NotificationEvent.AUDIT_FAILURE})
    report: Callable[[AuditError], None]

    def notify_audit_failure(self, audit_error: AuditError, *args: Any, **kwargs: Any) -> None:
        """Called by SQLMesh after an audit query returned rows."""
        self.report(audit_error)


class RunConsole(NoopConsole):
    """The console of one run. `stop` makes SQLMesh start no further batch."""

    def __init__(
        self, emit: Emit, stop: Stop, handles: Callable[[str | None], tuple[object, ...]]
    ) -> None:
        """Take where events go, what stops the run, and what stopping has to cancel.

        Args:
            emit: takes the events.
            stop: is told which threads work, and with what.
            handles: returns the cursor and the connection of the calling thread to a gateway.
        """
        self._emit = emit
        self._stop = stop
        self._handles = handles
        self._run_thread = get_ident()

    def start_evaluation_progress(
        self, batched_intervals: Mapping[Snapshot, list[Any]], *args: Any, **kwargs: Any
    ) -> None:
        """SQLMesh knows what is due, and has not started anything yet."""
        if self._stop.is_set():
            raise RunStoppedError("the Dagster run was stopped before SQLMesh started")
        # For the statements before and after all models; from now on this thread has a connection.
        self._stop.begin(*self._handles(None))
        self._emit(
            RunPlanned(
                tuple(
                    _due_model(snapshot, len(intervals))
                    for snapshot, intervals in batched_intervals.items()
                )
            )
        )

    def start_snapshot_evaluation_progress(
        self, snapshot: Snapshot, audit_only: bool = False
    ) -> None:
        """A batch is about to start: an exception here fails it before it has done anything."""
        if self._stop.is_set():
            raise RunStoppedError("the Dagster run was stopped before this model")
        self._stop.begin(*self._handles(snapshot.model_gateway))

    def update_snapshot_evaluation_progress(
        self,
        snapshot: Snapshot,
        interval: tuple[int, int],
        batch_idx: int,
        duration_ms: int | None,
        num_audits_passed: int,
        num_audits_failed: int,
        audit_only: bool = False,
        execution_stats: Any = None,
        auto_restatement_triggers: Any = None,
    ) -> None:
        """A batch ended, well or not; SQLMesh calls this in a `finally`."""
        if get_ident() != self._run_thread:
            self._stop.end()
        self._emit(
            BatchEnded(
                fqn=snapshot.name,
                start=interval[0],
                end=interval[1],
                duration_ms=duration_ms,
                audits=num_audits_passed + num_audits_failed,
                rows=execution_stats.total_rows_processed if execution_stats else None,
                bytes=execution_stats.total_bytes_processed if execution_stats else None,
                thread=get_ident(),
            )
        )

    def log_skipped_models(self, snapshot_names: set[str]) -> None:
        """Models that were due and not tried."""
        if snapshot_names:
            self._emit(ModelsSkipped(tuple(sorted(snapshot_names))))

    def log_failed_models(self, errors: list[Any]) -> None:
        """One error for each failed unit of work; its cause is the model's own error."""
        for error in errors:
            self._emit(_model_failed(error))

    def log_status_update(self, message: str) -> None:
        """Something to know."""
        self._emit(Message(Level.INFO, message.strip()))

    def log_warning(self, short_message: str, long_message: str | None = None) -> None:
        """Something to look at; the long form goes to SQLMesh's own log file."""
        self._emit(Message(Level.WARNING, short_message.strip()))

    def log_error(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Something that went wrong outside a model."""
        self._emit(Message(Level.ERROR, message.strip()))


def audit_use(name: str, args: Mapping[str, exp.Expr], dialect: str) -> AuditUse:
    """Return how an audit is used on a model.

    Args:
        name: the audit's name.
        args: its arguments, as SQLMesh holds them. `blocking` is left out, as SQLMesh itself
            takes it out of them before it runs the audit.
        dialect: the model's dialect, in which the generator writes arguments too.
    """
    texts = {key: value.sql(dialect=dialect) for key, value in args.items() if key != "blocking"}
    return AuditUse(name, tuple(sorted(texts.items())))


def _failed_use(error: AuditError) -> AuditUse:
    dialect = error.model.dialect if error.model else ""
    return audit_use(error.audit_name, error.audit_args, dialect)


def _due_model(snapshot: Snapshot, batches: int) -> DueModel:
    uses = [
        audit_use(audit.name, args, snapshot.node.dialect)
        for audit, args in snapshot.node.audits_with_args
        if not audit.skip
    ]
    return DueModel(
        fqn=snapshot.name,
        batches=batches,
        version=str(snapshot.version),
        audits=tuple(uses),
        data_hash=snapshot.fingerprint.data_hash,
    )


def _model_failed(error: BaseException) -> ModelFailed:
    node = getattr(error, "node", None)
    cause = error.__cause__ or error
    audits = cause.errors if isinstance(cause, NodeAuditsErrors) else []
    return ModelFailed(
        fqn=getattr(node, "snapshot_name", str(node)),
        message=str(cause).strip() or type(cause).__name__,
        traceback="".join(traceback.format_exception(cause)),
        blocking_audits=tuple(_failed_use(audit) for audit in audits),
    )
