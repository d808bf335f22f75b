"""The advisory lock of the database server that holds a SQLMesh state.

It excludes all processes that use the state, on every host. It belongs to a connection of its own,
so the server releases it when the process dies.
"""

from __future__ import annotations

import hashlib
import logging
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dg_sqlmesh_codegen.runtime.events import Message

from .locks import LockHolder, LockRequest

# A connection without traffic would be cut by firewalls, and by the server.
_CHECK_SECONDS = 30.0
# How long a run that ends waits for a check of its lock.
_RELEASE_SECONDS = 5.0
_TICK = "tick"
# PostgreSQL shows 63 characters of the name of a connection.
_MAX_NAME = 63
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """The statements of one kind of server. Each returns one row.

    Args:
        name: of the product.
        check: whether the connection can hold a lock, in the first column.
        acquire: 1 if the lock was free, 0 if it was not, NULL if the server has no such lock.
        is_held: whether this connection holds the lock.
        holder: id and name of the connection that holds it; NULL if unknown.
        release: releases the lock.
        setup: lets the server notice within minutes that the host of a connection is gone. It
            returns no row.
    """

    name: str
    check: str
    acquire: str
    is_held: str
    holder: str
    release: str
    setup: str = ""


# A lock belongs to one database of the server.
_POSTGRES_LOCK = (
    "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid = {high} AND objid = {low} AND objsubid = 1"
)
SERVERS = {
    "postgres": Server(
        name="PostgreSQL",
        # A pooler such as PgBouncer tells its clients another id. In its transaction mode the lock
        # would stay with a connection that the next client gets.
        # And the server notices within minutes that the host of a connection is gone.
        check=(
            "SELECT pg_backend_pid() = {pid}, set_config('application_name', '{who}', false), "
            "set_config('tcp_keepalives_idle', '60', false), "
            "set_config('tcp_keepalives_interval', '15', false), "
            "set_config('tcp_keepalives_count', '4', false)"
        ),
        acquire="SELECT pg_try_advisory_lock({number})::int",
        is_held=f"SELECT count(*) {_POSTGRES_LOCK} AND pid = pg_backend_pid()",
        holder=f"SELECT pid, application_name {_POSTGRES_LOCK}",
        release="SELECT pg_advisory_unlock({number})",
    ),
    # The lock belongs to the whole server. So does a schema's name.
    "mysql": Server(
        name="MySQL",
        check="SELECT 1",
        acquire="SELECT GET_LOCK('{name}', 0)",
        is_held="SELECT IS_USED_LOCK('{name}') = CONNECTION_ID()",
        holder="SELECT IS_USED_LOCK('{name}'), NULL",
        release="SELECT RELEASE_LOCK('{name}')",
        setup="SET SESSION wait_timeout = 120",
    ),
    # Only administrators can see who holds the lock.
    "mssql": Server(
        name="SQL Server",
        check="SELECT 1",
        acquire=(
            "SET NOCOUNT ON; DECLARE @taken int; EXEC @taken = sp_getapplock "
            "@Resource = '{name}', @LockMode = 'Exclusive', @LockOwner = 'Session', "
            "@LockTimeout = 0; "
            "SELECT CASE WHEN @taken >= 0 THEN 1 WHEN @taken = -1 THEN 0 END"
        ),
        is_held=(
            "SELECT CASE APPLOCK_MODE('public', '{name}', 'Session') "
            "WHEN 'Exclusive' THEN 1 ELSE 0 END"
        ),
        holder="SELECT NULL, NULL",
        release=(
            "SET NOCOUNT ON; EXEC sp_releaseapplock @Resource = '{name}', @LockOwner = 'Session'; "
            "SELECT 1"
        ),
    ),
}
SERVERS |= {"gcp_postgres": SERVERS["postgres"], "azuresql": SERVERS["mssql"]}


class NoServerLockError(Exception):
    """The server, or the way to it, has no lock that can be relied on."""


class ServerLock:
    """An advisory lock. `connect` opens a connection (DB-API 2.0) to the server of the state.

    Args:
        server: the statements of the server.
        connect: opens a connection. Its errors are not caught.
        name: the same for all runs that must not overlap.
    """

    poll_seconds = 1.0

    def __init__(self, server: Server, connect: Callable[[], Any], name: str) -> None:
        self._server = server
        self._connect = connect
        digest = hashlib.sha256(name.encode()).hexdigest()
        number = int(digest[:15], 16)  # positive, of 64 bits
        self._values: dict[str, object] = {
            "name": f"dg-sqlmesh-codegen-{digest[:24]}",
            "number": number,
            "high": number >> 32,
            "low": number & 0xFFFFFFFF,
        }
        self._connection: Any = None
        self._released = threading.Event()
        self._watcher: threading.Thread | None = None

    def acquire(self, request: LockRequest) -> bool:
        """Take the lock if it is free, and return whether it was.

        Raises:
            NoServerLockError: the first time, if the server has no lock that can be relied on.
            Exception: of the driver, if the server cannot be reached.
        """
        taken = self._first_try(request) if self._connection is None else self._try()
        if not taken:
            return False
        self._watcher = threading.Thread(
            target=self._watch, args=(request,), name="state-lock", daemon=True
        )
        self._watcher.start()
        return True

    def holder(self) -> LockHolder | None:
        """Return who holds the lock, as far as the server tells it."""
        connection, name = self._row(self._server.holder) or (None, None)
        if connection is None:
            return None
        process = f"{self._server.name} connection {connection}"
        known = re.fullmatch(r"dagster (\S+) on (.+)", str(name))
        if known is None:
            return LockHolder(None, process)
        run_id = "" if known[1] == _TICK else known[1]
        return LockHolder(run_id, f"on {known[2]}, {process}")

    def release(self) -> None:
        """Release the lock and close its connection."""
        self._released.set()
        if self._watcher:
            self._watcher.join(_RELEASE_SECONDS)
        if self._watcher is None or not self._watcher.is_alive():
            self._close(self._server.release if self._watcher else None)

    def find(self) -> str | None:
        """Return the name of the server if it can lock this state. Takes no lock.

        Raises:
            Exception: of the driver, if the server cannot be reached.
        """
        self._open("")
        try:
            return self._server.name if self._value(self._server.check) else None
        finally:
            self._close()

    def _first_try(self, request: LockRequest) -> bool:
        self._open(request.run_id)
        try:
            return self._try_new_connection()
        except Exception as error:
            # Of any driver: the server may not know the statement, or may not allow it.
            self._close()
            if isinstance(error, NoServerLockError):
                raise
            raise NoServerLockError(f"it refuses the statement: {error}") from error

    def _open(self, run_id: str) -> None:
        self._connection = self._connect()
        info = getattr(self._connection, "info", None)  # of psycopg
        self._values["pid"] = getattr(info, "backend_pid", "pg_backend_pid()")
        who = f"dagster {run_id or _TICK} on {socket.gethostname()}"
        self._values["who"] = re.sub(r"[^\w. -]", "_", who)[:_MAX_NAME]

    def _try_new_connection(self) -> bool:
        if self._server.setup:
            self._row(self._server.setup)
        if not self._value(self._server.check):
            raise NoServerLockError("a connection pooler stands before it")
        return self._try()

    def _try(self) -> bool:
        taken = self._value(self._server.acquire)
        if taken is None or (taken and not self._value(self._server.is_held)):
            raise NoServerLockError("it has no such lock")
        return bool(taken)

    def _watch(self, request: LockRequest) -> None:
        """Keep the connection alive, and take the lock again if the connection is lost.

        If another run was faster, or there is no lock any more, no further model starts.
        """
        while not self._released.wait(_CHECK_SECONDS):
            try:
                if self._connection is not None and self._value(self._server.is_held):
                    continue
                self._close()
                self._open(request.run_id)
                if self._try_new_connection():
                    continue
                problem = f"{self.holder() or 'another process'} has it now"
            except NoServerLockError as error:
                problem = str(error)
            except Exception as error:  # noqa: BLE001 - of any driver; the next check tries again
                name = type(error).__name__  # its text can hold a password
                _log.warning("The lock of SQLMesh's state cannot be checked: %s", name)
                self._close()
                continue
            text = f"The run has lost the lock of SQLMesh's state: {problem}. No other model starts"
            request.emit(Message(logging.ERROR, text))
            request.stop.set()
            return

    def _value(self, statement: str) -> Any:  # noqa: ANN401 - of any driver
        row = self._row(statement)
        return row[0] if row else None

    def _row(self, statement: str) -> Any:  # noqa: ANN401 - of any driver
        cursor = self._connection.cursor()
        try:
            cursor.execute(statement.format_map(self._values))
            row = cursor.fetchone()
        finally:
            cursor.close()
        self._connection.commit()  # a transaction that stays open is one that servers end
        return row

    def _close(self, last_statement: str | None = None) -> None:
        """Close the connection. The server then releases the lock."""
        if self._connection is None:
            return
        try:
            if last_statement:
                self._row(last_statement)
            self._connection.close()
        except Exception as error:  # noqa: BLE001 - of any driver; the connection is already gone
            _log.info("The connection of the lock was lost: %s", type(error).__name__)
        self._connection = None
