"""What stopping a run takes: no further batch, the running query cancelled, the process not kept.

Everything here works on plain objects of the database drivers, whatever they are; SQLMesh hands
them over while it evaluates a model.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Collection

# How drivers name it, on the cursor or on the connection: DuckDB; psycopg, Trino, Databricks,
# Athena, pyodbc. All of them allow the call from another thread.
_CANCEL_METHODS = ("interrupt", "cancel")
# How long other threads have to end once the process does, in seconds.
_LAST_WAIT = 2.0
_log = logging.getLogger(__name__)


class Stop:
    """Whether the run is to stop, and what is running meanwhile."""

    def __init__(self) -> None:
        """Start with nothing running and no wish to stop."""
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._working: dict[int, tuple[object, ...]] = {}

    def set(self) -> None:
        """Wish the run to stop."""
        self._flag.set()

    def is_set(self) -> bool:
        """Return whether the run is to stop."""
        return self._flag.is_set()

    def begin(self, *handles: object) -> None:
        """Note that the calling thread works, with this cursor and this connection."""
        with self._lock:
            self._working[threading.get_ident()] = handles

    def end(self) -> None:
        """Note that the calling thread works no longer."""
        with self._lock:
            self._working.pop(threading.get_ident(), None)

    def cancel(self) -> None:
        """Cancel what is running. Returns at once: a driver may have to ask a server for it."""
        with self._lock:
            working = list(self._working.values())
        for handles in working:
            threading.Thread(target=_cancel, args=(handles,), daemon=True).start()


def leave_with_main_thread(known: Collection[threading.Thread]) -> None:
    """See to it that no thread of SQLMesh outlives the main thread.

    With several tasks SQLMesh works in a pool of threads. Python waits for those before it exits,
    daemons or not, for as long as their queries or their python models take. Where such a thread is
    left after a run was stopped, the process is ended once its main thread has: never before, so
    that a process with other things to do (a code server, somebody's notebook) goes on doing them.

    Args:
        known: the threads that were there before the run.
    """
    # Private, and the one place that comes before Python waits: `atexit` comes after. It is there
    # since Python 3.9 for the thread pools, whose own waiting this has to precede.
    threading._register_atexit(_leave, frozenset(known))  # type: ignore[attr-defined]


def _leave(known: frozenset[threading.Thread]) -> None:
    here = threading.current_thread()
    there = {thread for thread in threading.enumerate() if thread is not here}
    if known.issuperset(there):
        return
    end = time.monotonic() + _LAST_WAIT
    for thread in there:
        if not thread.daemon:  # not SQLMesh's: these have inherited it from the run's thread
            thread.join(max(end - time.monotonic(), 0))
    atexit._run_exitfuncs()  # what Python itself would do after the wait that is not waited
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(1)


def _cancel(handles: tuple[object, ...]) -> None:
    for handle in handles:
        for name in _CANCEL_METHODS:
            method = getattr(handle, name, None)
            if not callable(method):
                continue
            try:
                method()
            except Exception:  # noqa: BLE001 - whatever a driver raises: the query then runs out
                _log.warning("The running query could not be cancelled", exc_info=True)
            else:
                return
