"""The locks of MySQL and SQL Server, with stand-ins that answer as their manuals say.

PostgreSQL is real, in `e2e/server/test_server_lock.py`.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dg_sqlmesh_codegen.runtime.concurrency import server_lock
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.concurrency.server_lock import SERVERS, ServerLock
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import hold_state
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError, SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import Event, Message
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Locking
from e2e.waiting import wait_until

# What each statement does to a stand-in; `X` is the name of the lock.
STATEMENTS = {
    "mysql": {
        "SET SESSION wait_timeout = 120": "no row",
        "SELECT 1": "one",
        "SELECT GET_LOCK('X', 0)": "take",
        "SELECT IS_USED_LOCK('X') = CONNECTION_ID()": "is_mine",
        "SELECT IS_USED_LOCK('X'), NULL": "holder",
        "SELECT RELEASE_LOCK('X')": "free",
    },
    "mssql": {
        "SELECT 1": "one",
        "SET NOCOUNT ON; DECLARE @taken int; EXEC @taken = sp_getapplock @Resource = 'X', "
        "@LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 0; "
        "SELECT CASE WHEN @taken >= 0 THEN 1 WHEN @taken = -1 THEN 0 END": "take",
        "SELECT CASE APPLOCK_MODE('public', 'X', 'Session') WHEN 'Exclusive' THEN 1 ELSE 0 END": (
            "is_mine"
        ),
        "SELECT NULL, NULL": "nobody",
        "SET NOCOUNT ON; EXEC sp_releaseapplock @Resource = 'X', @LockOwner = 'Session'; "
        "SELECT 1": "free",
    },
    "postgres": {},  # it only refuses here
}


class StandIn:
    """A server: its locks, and the id of the connection that holds each."""

    def __init__(self, kind: str) -> None:
        self.server = SERVERS[kind]
        self.actions = STATEMENTS[kind]
        self.held: dict[str, int] = {}
        self.answers: dict[str, Any] = {}  # to an action, instead of the right one
        self.connections: list[Connection] = []

    def connect(self) -> Connection:
        self.connections.append(Connection(self, len(self.connections) + 41))
        return self.connections[-1]

    def lock(self, name: str = "sqlmesh/prod") -> ServerLock:
        return ServerLock(self.server, self.connect, name)

    def hold(
        self, run_id: str, locking: Locking, lock: ServerLock | None = None
    ) -> tuple[ExitStack, LockRequest, list[str]]:
        """Hold a lock until the stack is closed; return what the run was told."""
        told: list[str] = []

        def emit(event: object) -> None:
            assert isinstance(event, Message)
            told.append(event.text)

        request, stack = LockRequest(run_id, locking, emit), ExitStack()
        file = Path(locking.folder or "none", "state.lock")
        stack.enter_context(hold_state(request, lock or self.lock(), lambda: file))
        return stack, request, told


class Connection:
    """A connection of a driver, and its cursors."""

    def __init__(self, server: StandIn, number: int) -> None:
        self.server, self.number = server, number
        self.row: tuple[Any, None] = (None, None)
        self.info = SimpleNamespace(backend_pid=number)

    def cursor(self) -> SimpleNamespace:
        return SimpleNamespace(execute=self.execute, fetchone=lambda: self.row, close=lambda: None)

    def commit(self) -> None: ...

    def close(self) -> None:
        """End. The server releases its locks then, also if a firewall has cut the connection."""
        held = self.server.held
        self.server.held = {name: owner for name, owner in held.items() if owner != self.number}
        self.server = StandIn("postgres")

    def execute(self, statement: str) -> None:
        (name,) = {*re.findall(r"dg-sqlmesh-codegen-\w+", statement)} or {""}
        assert len(name) <= 64  # MySQL's limit
        action = self.server.actions[statement.replace(name, "X") if name else statement]
        answer = self.server.answers.get(action, self.answer(action, name))
        if isinstance(answer, Exception):
            raise answer
        self.row = (answer, None)

    def answer(self, action: str, name: str) -> int | None:
        held = self.server.held
        match action:
            case "one":
                return 1
            case "take":
                return int(held.setdefault(name, self.number) == self.number)
            case "is_mine":
                return int(held.get(name) == self.number)
            case "holder":
                return held.get(name)
            case "free":
                return held.pop(name)
            case _:
                return None


NOW = Locking(timeout_seconds=0)


@pytest.mark.parametrize(
    ("kind", "who"),
    [("mysql", "another process (MySQL connection 41)"), ("mssql", "another process")],
)
def test_two_runs(kind: str, who: str) -> None:
    server = StandIn(kind)
    held, _, told = server.hold("a", NOW)
    with pytest.raises(StateBusyError) as busy:
        server.hold("b", NOW)
    other, _, _ = server.hold("c", NOW, server.lock("sqlmesh/dev"))
    held.close()
    again, _, _ = server.hold("d", NOW)
    other.close()
    again.close()

    assert str(busy.value).startswith(f"waited 0 seconds for {who}. ")
    assert told == []
    assert server.held == {}


@pytest.mark.parametrize(
    ("kind", "action", "answer", "problem"),
    [
        ("mysql", "take", None, "it has no such lock"),
        ("mysql", "take", OSError("denied"), "it refuses the statement: denied"),
        ("mysql", "is_mine", 0, "it has no such lock"),  # taken, and not held: CockroachDB
        ("mssql", "take", None, "it has no such lock"),
        # A pooler gives its clients ids of its own.
        ("pooled", "one", 0, "a connection pooler stands before it"),
    ],
)
def test_a_lock_that_cannot_be_relied_on(
    kind: str, action: str, answer: object, problem: str, tmp_path: Path
) -> None:
    server = StandIn("mysql" if kind == "pooled" else kind)
    server.answers = {action: answer}
    locking = Locking(timeout_seconds=0, folder=str(tmp_path))
    held, _, told = server.hold("a", locking)
    files = [each.name for each in tmp_path.iterdir()]
    held.close()

    text = "The lock of the server that holds SQLMesh's state cannot be used: "
    assert told == [text + problem]
    assert "state.lock" in files
    with pytest.raises(SetupError, match="several hosts\nOr set `exclusivity`"):
        server.hold("a", Locking(folder=str(tmp_path), missing_limit="several hosts"))


def test_what_a_driver_says_is_redacted(tmp_path: Path) -> None:
    server, told = StandIn("mysql"), list[Event]()
    server.answers = {"take": OSError("no access with hunter2!")}
    redact = Redaction(["hunter2!"]).text
    request = LockRequest("a", NOW, told.append, redact=redact)
    with hold_state(request, server.lock(), lambda: tmp_path / "state.lock"):
        (message,) = told
    assert isinstance(message, Message)
    assert message.text.endswith("cannot be used: it refuses the statement: no access with ***")


def test_the_doctor_finds_the_lock() -> None:
    server = StandIn("mssql")
    assert server.lock().find() == "SQL Server"
    server.answers = {"one": 0}
    assert server.lock().find() is None
    assert server.held == {}


def test_a_limit_is_not_needed_where_the_server_has_a_lock() -> None:
    held, _, told = StandIn("mysql").hold("a", Locking(missing_limit="several hosts"))
    held.close()
    assert told == []


def test_a_server_that_cannot_be_reached() -> None:
    def refuse() -> Connection:
        raise ConnectionError("refused")

    lock = ServerLock(SERVERS["mysql"], refuse, "sqlmesh/prod")
    request = LockRequest("a", NOW)
    with pytest.raises(ConnectionError), hold_state(request, lock, lambda: Path("none")):
        pytest.fail("without a lock")


def test_a_stopped_run_stops_waiting() -> None:
    server = StandIn("mysql")
    held, _, _ = server.hold("a", NOW)
    request = LockRequest("b", Locking(timeout_seconds=60))
    request.stop.set()
    with pytest.raises(RunStoppedError), hold_state(request, server.lock(), lambda: Path("none")):
        pytest.fail("two holders at once")
    held.close()


def test_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_lock, "_CHECK_SECONDS", 0.01)
    server = StandIn("mysql")
    held, request, told = server.hold("a", NOW)
    server.connections[0].close()
    wait_until(lambda: server.held, "the lock is taken again")
    assert not request.stop.is_set()

    (name,) = server.held
    server.held = {name: 7}  # another run was faster
    wait_until(request.stop.is_set, "the run stops")
    held.close()

    assert told == [
        "The run has lost the lock of SQLMesh's state: another process (MySQL connection 7) has it "
        "now. No other model starts"
    ]
