"""Stops a run: no further batch, running queries canceled, and no thread that keeps the process.

Works on the jobs, cursors and connections of any database driver. SQLMesh opens them while it
evaluates a model.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

# Returns what a thread has open at the time of the call: jobs, cursors and connections.
Handles = Callable[[], Iterable[object]]
# `interrupt` of DuckDB; `cancel` of psycopg, Trino, Databricks, Athena, pyodbc and of BigQuery's
# jobs. All of them may be called from another thread.
_CANCEL_METHODS = ("interrupt", "cancel")
# How long other threads have to end after the main thread.
_EXIT_TIMEOUT_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Stop(threading.Event):
    """Is set when the run must stop. Knows which queries to cancel then."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._working: dict[int, Handles] = {}

    def begin(self, handles: Handles) -> None:
        """Record that the calling thread works. `handles` is called when its query is canceled."""
        with self._lock:
            self._working[threading.get_ident()] = handles

    def end(self) -> None:
        """Record that the calling thread has stopped working."""
        with self._lock:
            self._working.pop(threading.get_ident(), None)

    def cancel(self) -> None:
        """Cancel the running queries, in threads: a driver may have to ask a server."""
        with self._lock:
            working = list(self._working.values())
        for handles in working:
            threading.Thread(
                target=_cancel, args=(handles,), name="cancel-query", daemon=True
            ).start()


def exit_with_main_thread(threads_before: Collection[threading.Thread]) -> None:
    """Let the process exit with its main thread, even if a thread of SQLMesh still runs.

    With several tasks SQLMesh works in a thread pool, and Python waits for all pools before it
    exits. If a thread of SQLMesh is left, this ends the process after the main thread has ended,
    never earlier: a code server or a notebook keeps running.

    Args:
        threads_before: the threads that ran before the SQLMesh run.
    """
    # Private, because `atexit` comes too late: after Python has waited for the pools. Python has it
    # since 3.9 for the pools themselves.
    threading._register_atexit(_exit, frozenset(threads_before))  # type: ignore[attr-defined]


def _exit(threads_before: frozenset[threading.Thread]) -> None:
    current = threading.current_thread()
    others = {thread for thread in threading.enumerate() if thread is not current}
    if threads_before.issuperset(others):
        return
    deadline = time.monotonic() + _EXIT_TIMEOUT_SECONDS
    for thread in others:
        if not thread.daemon:  # SQLMesh's threads are daemons, as the run's thread is
            thread.join(max(deadline - time.monotonic(), 0))
    atexit._run_exitfuncs()  # Python does this after the wait that is skipped here
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(1)


def _cancel(handles: Handles) -> None:
    try:
        methods = [method for handle in handles() for method in _cancel_methods(handle)]
    except Exception as error:  # noqa: BLE001 - SQLMesh may be opening or closing them
        # Without the driver's text: it can hold a secret.
        _log.warning("The running query could not be found: %s", type(error).__name__)
        return
    for method in methods:
        try:
            method()
        except Exception as error:  # noqa: BLE001 - of any driver; the query then runs to its end
            _log.warning("The running query could not be canceled: %s", type(error).__name__)
        else:
            return


def _cancel_methods(handle: object) -> list[Callable[[], object]]:
    methods = [getattr(handle, name, None) for name in _CANCEL_METHODS]
    found = [method for method in methods if callable(method)][:1]
    if hasattr(handle, "session_id"):
        found.append(partial(_cancel_snowflake, handle))
    return found


def _cancel_snowflake(connection: Any) -> None:  # noqa: ANN401 - the driver may not be installed
    """Cancel what a Snowflake session runs (Snowflake docs, "Canceling Statements").

    Threads may share a connection. A cursor does not know the id of its query until it has ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT SYSTEM$CANCEL_ALL_QUERIES({int(connection.session_id)})")
