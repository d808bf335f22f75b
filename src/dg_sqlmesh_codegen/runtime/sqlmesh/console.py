"""Turns the calls of SQLMesh's console and notification target into events.

Both objects belong to one run, and nothing process-wide is set. SQLMesh calls them from its worker
threads.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr
from sqlmesh.core.notification_target import GenericNotificationTarget, NotificationEvent
from sqlmesh.utils.errors import AuditError, NodeAuditsErrors

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError
from dg_sqlmesh_codegen.runtime.events import AuditUse, Emit

from . import compat
from .compat import NoopConsole, Snapshot

if TYPE_CHECKING:
    from sqlglot.expressions import Expr


# mypy does not see that SQLMesh's class inherits `frozen` from its base.
class AuditNotifier(GenericNotificationTarget, frozen=True):  # type: ignore[misc]
    """Emits failed audits, blocking or not (SQLMesh docs, "Notifications")."""

    notify_on: frozenset[NotificationEvent] = frozenset({NotificationEvent.AUDIT_FAILURE})
    emit: Callable[[events.Event], None]
    # SQLMesh notifies a target twice if the model's owner is also the configured user. The errors
    # are kept, so that their ids stay unique.
    _seen: dict[int, AuditError] = PrivateAttr(default_factory=dict)

    def notify_audit_failure(self, audit_error: AuditError, *args: Any, **kwargs: Any) -> None:
        """Emit an audit whose query returned rows, in the SQLMesh thread that ran it."""
        if id(audit_error) in self._seen:
            return
        self._seen[id(audit_error)] = audit_error
        model = audit_error.model
        self.emit(
            events.AuditFailed(
                # A standalone audit has no model. It is a node with its own name.
                fqn=model.fqn if model else audit_error.audit_name,
                use=_failed_use(audit_error),
                count=audit_error.count,
                query=audit_error.sql(pretty=True),
                thread=get_ident(),
            )
        )


class RunConsole(NoopConsole):
    """The console of one run. It refuses further batches once `stop` is set.

    SQLMesh's versions pass different arguments: each method takes all, and names what it needs.
    """

    def __init__(
        self, emit: Emit, stop: Stop, handles: Callable[[str | None, int], Iterable[object]]
    ) -> None:
        """Create the console in the thread of the run.

        Args:
            emit: takes the events.
            stop: learns which threads work.
            handles: returns what a thread has open on a gateway, to cancel its query.
        """
        self._emit = emit
        self._stop = stop
        self._handles = handles
        self._run_thread = get_ident()

    def start_evaluation_progress(
        self, batched_intervals: Mapping[Snapshot, list[Any]], *args: Any, **kwargs: Any
    ) -> None:
        """SQLMesh knows which models are due, and has not started any."""
        if self._stop.is_set():
            raise RunStoppedError("the run was stopped before SQLMesh started")
        # This thread runs the statements `before_all` and `after_all`.
        self._stop.begin(partial(self._handles, None, get_ident()))
        due = (_due_model(each, len(intervals)) for each, intervals in batched_intervals.items())
        self._emit(events.RunPlanned(tuple(due)))

    def start_snapshot_evaluation_progress(
        self, snapshot: Snapshot, *args: Any, **kwargs: Any
    ) -> None:
        """A batch is about to start. An exception here fails it before it has done anything."""
        if self._stop.is_set():
            raise RunStoppedError("the run was stopped before this model")
        self._stop.begin(partial(self._handles, snapshot.model_gateway, get_ident()))

    def update_snapshot_evaluation_progress(
        self,
        snapshot: Snapshot,
        interval: tuple[int, int],
        batch_idx: int,
        duration_ms: int | None,
        *args: Any,
        execution_stats: Any = None,
        **kwargs: Any,
    ) -> None:
        """A batch ended or failed; SQLMesh calls this in a `finally`."""
        if get_ident() != self._run_thread:
            self._stop.end()
        self._emit(
            events.BatchEnded(
                fqn=snapshot.name,
                start_ms=interval[0],
                end_ms=interval[1],
                duration_ms=duration_ms,
                rows=execution_stats.total_rows_processed if execution_stats else None,
                bytes=execution_stats.total_bytes_processed if execution_stats else None,
                thread=get_ident(),
            )
        )
        compat.raise_exit_as_error()

    def log_skipped_models(self, snapshot_names: set[str], *args: Any, **kwargs: Any) -> None:
        """SQLMesh skipped due models because an upstream model failed."""
        if snapshot_names:
            self._emit(events.ModelsSkipped(tuple(sorted(snapshot_names))))

    def log_failed_models(self, errors: list[Any], *args: Any, **kwargs: Any) -> None:
        """Take one error for each failed batch; its cause is the model's own error."""
        for error in errors:
            self._emit(_model_failed(error))

    def log_status_update(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Log information."""
        self._emit(events.Message(logging.INFO, message.strip()))

    def log_warning(
        self, short_message: str, long_message: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Log a warning. The long message has what the short one leaves out: an audit's query."""
        lines = filter(None, (short_message.strip(), (long_message or "").strip()))
        self._emit(events.Message(logging.WARNING, "\n".join(lines)))

    def log_error(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Log an error outside a model."""
        self._emit(events.Message(logging.ERROR, message.strip()))


def audit_use(name: str, args: Mapping[str, Expr], dialect: str) -> AuditUse:
    """Return the use of an audit. `args` become SQL in the model's dialect, as in the generator.

    `blocking` is left out, because SQLMesh removes it before it runs the audit.
    """
    sql = {key: value.sql(dialect=dialect) for key, value in args.items() if key != "blocking"}
    return AuditUse(name, tuple(sorted(sql.items())))


def _failed_use(error: AuditError) -> AuditUse:
    dialect = error.model.dialect if error.model else ""
    return audit_use(error.audit_name, error.audit_args, dialect)


def _due_model(snapshot: Snapshot, batches: int) -> events.DueModel:
    uses = [
        audit_use(audit.name, args, snapshot.node.dialect)
        for audit, args in snapshot.node.audits_with_args
        if not audit.skip
    ]
    return events.DueModel(
        fqn=snapshot.name,
        batches=batches,
        version=str(snapshot.version),
        audits=tuple(uses),
        data_hash=snapshot.fingerprint.data_hash,
        has_signals=snapshot.is_model and bool(snapshot.model.signals),
        is_full=snapshot.is_model and snapshot.model.kind.is_full,
    )


def _model_failed(error: BaseException) -> events.ModelFailed:
    cause = error.__cause__ or error
    audits = cause.errors if isinstance(cause, NodeAuditsErrors) else []
    return events.ModelFailed(
        fqn=compat.failed_node(error),
        message=str(cause).strip() or type(cause).__name__,
        traceback="".join(traceback.format_exception(cause)),
        blocking_audits=tuple(_failed_use(audit) for audit in audits),
    )
