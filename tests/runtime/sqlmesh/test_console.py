"""SQLMesh's console and notification target: what they take, and which events they emit."""

import inspect
import logging
import threading
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlglot import exp
from sqlmesh.core.console import Console
from sqlmesh.core.notification_target import BaseNotificationTarget, NotificationEvent
from sqlmesh.utils.concurrency import NodeExecutionFailedError
from sqlmesh.utils.errors import AuditError, NodeAuditsErrors

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError
from dg_sqlmesh_codegen.runtime.sqlmesh.console import AuditNotifier, RunConsole

pytestmark = pytest.mark.sqlmesh

VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
FQN = '"w"."s"."a"'
COLUMNS = exp.Tuple(expressions=[exp.column("id")])
NOT_NULL = events.AuditUse("not_null", (("columns", "(id)"),))
HERE = threading.get_ident()


@pytest.mark.parametrize(
    ("ours", "host"), [(RunConsole, Console), (AuditNotifier, BaseNotificationTarget)]
)
def test_overridden_methods_take_what_sqlmesh_passes(ours: type, host: type) -> None:
    """`tests/matrix` runs this with older versions of SQLMesh, too."""
    functions = [each for each in vars(ours).values() if inspect.isfunction(each)]
    own = [each.__name__ for each in functions if each.__module__ == ours.__module__]
    methods = [name for name in own if not name.startswith("_")]
    assert methods
    for name in methods:
        takes, given = (inspect.signature(getattr(each, name)) for each in (ours, host))
        named = [each.name for each in given.parameters.values() if each.kind not in VARIADIC]
        # A parameter of SQLMesh that is new or has another name raises a TypeError.
        takes.bind(*named)
        takes.bind("self", **dict.fromkeys(named[1:]))
        takes.bind(*named, new_in_a_later_version=True)


def snapshot(*audits: tuple[Any, dict[str, Any]]) -> Any:  # noqa: ANN401
    node = SimpleNamespace(dialect="duckdb", audits_with_args=audits)
    made = Mock(version="v1", model_gateway="main", node=node, model=Mock(signals=["ready"]))
    made.name, made.fingerprint.data_hash = FQN, "hash"
    made.model.kind.is_full = True
    return made


class Recorded:
    """A console, the events that it emits, and the gateways whose connections it asks for."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self.stop, self.handles = Stop(), Mock(return_value=())
        self.console = RunConsole(self.events.append, self.stop, self.handles)

    def end_batch(self, duration_ms: int | None) -> None:
        stats = SimpleNamespace(total_rows_processed=3, total_bytes_processed=None)
        self.console.update_snapshot_evaluation_progress(
            snapshot(), (10, 20), 0, duration_ms, 1, 0, execution_stats=stats
        )


def canceled(recorded: Recorded) -> None:
    """Cancel what runs, and wait for it."""
    recorded.stop.cancel()
    for thread in threading.enumerate():
        if thread.name.startswith("cancel-query"):
            thread.join()


def test_due_models_and_batches() -> None:
    recorded = Recorded()
    audit, skipped = (SimpleNamespace(name="not_null", skip=skip) for skip in (False, True))
    due = snapshot((audit, {"columns": COLUMNS, "blocking": exp.false()}), (skipped, {}))
    recorded.console.start_evaluation_progress({due: [(0, 1), (1, 2)]}, None, None)
    recorded.end_batch(5)

    assert recorded.events == [
        events.RunPlanned((events.DueModel(FQN, 2, "v1", (NOT_NULL,), "hash", True, True),)),
        events.BatchEnded(FQN, 10, 20, 5, rows=3, thread=HERE),
    ]
    canceled(recorded)
    recorded.handles.assert_called_once_with(None, HERE)


def test_a_thread_can_be_canceled_while_it_works_and_a_stopped_run_starts_no_batch() -> None:
    recorded = Recorded()
    working: list[int] = []

    def work() -> None:
        recorded.console.start_snapshot_evaluation_progress(snapshot())
        assert not recorded.handles.called  # a cursor that cannot be opened does not fail the model
        canceled(recorded)
        working.append(threading.get_ident())
        recorded.end_batch(None)
        canceled(recorded)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    recorded.handles.assert_called_once_with("main", *working)
    recorded.stop.set()
    with pytest.raises(RunStoppedError, match="before this model"):
        recorded.console.start_snapshot_evaluation_progress(snapshot())
    with pytest.raises(RunStoppedError, match="before SQLMesh started"):
        recorded.console.start_evaluation_progress({})


def audit_error(model: Any) -> AuditError:  # noqa: ANN401
    query = exp.select("*").from_("a")
    return AuditError("not_null", {"columns": COLUMNS}, 2, query, model)


MODEL = SimpleNamespace(fqn=FQN, name="a", dialect="duckdb")


def test_a_failed_audit_is_emitted_once() -> None:
    """SQLMesh notifies the targets of the model's owner too."""
    emitted: list[events.Event] = []
    notifier = AuditNotifier(emit=emitted.append)
    error = audit_error(MODEL)
    for failed in (error, error, audit_error(None)):
        notifier.notify_audit_failure(failed)

    # The second one is a standalone audit.
    found = (NOT_NULL, 2, "SELECT\n  *\nFROM a", HERE)
    assert emitted == [events.AuditFailed(FQN, *found), events.AuditFailed("not_null", *found)]
    assert notifier.notify_on == {NotificationEvent.AUDIT_FAILURE}


def test_failed_and_skipped_models_and_messages() -> None:
    recorded, console = (made := Recorded()), made.console
    failed: Any
    for failed, cause in (
        (SimpleNamespace(snapshot_name=FQN), ValueError("no table")),
        ((FQN, ((0, 1), 0)), NodeAuditsErrors([audit_error(MODEL)])),  # before SQLMesh 0.210
    ):
        error: Any = NodeExecutionFailedError(failed)
        error.__cause__ = cause
        console.log_failed_models([error])
    console.log_skipped_models({"b", "a"})
    console.log_skipped_models(set())
    console.log_status_update(" updated \n")
    console.log_warning("short", "a long explanation")
    console.log_error("broken")
    query, audit, *others = recorded.events

    assert isinstance(query, events.ModelFailed)
    assert (query.fqn, query.message, query.blocking_audits) == (FQN, "no table", ())
    assert "ValueError: no table" in query.traceback
    assert isinstance(audit, events.ModelFailed)
    assert (audit.fqn, audit.blocking_audits) == (FQN, (NOT_NULL,))
    assert others == [
        events.ModelsSkipped(("a", "b")),
        events.Message(logging.INFO, "updated"),
        events.Message(logging.WARNING, "short\na long explanation"),
        events.Message(logging.ERROR, "broken"),
    ]
