"""Exclusive use of a SQLMesh state: the lock of its server, or a lock file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dg_sqlmesh_codegen.runtime.errors import (
    RunHoldsStateError,
    RunStoppedError,
    SetupError,
    StateBusyError,
)
from dg_sqlmesh_codegen.runtime.events import Message
from dg_sqlmesh_codegen.runtime.run_target import Exclusivity

from .file_lock import StateFileLock
from .locks import LockHolder, LockRequest
from .server_lock import NoServerLockError, ServerLock


@contextmanager
def hold_state(
    request: LockRequest, server: ServerLock | None, lock_file: Callable[[], Path]
) -> Iterator[None]:
    """Hold the lock of a state while the context is open, unless `exclusivity` is `off`.

    Args:
        request: who asks.
        server: the lock of the server that holds the state; None if there is none.
        lock_file: returns the path of the lock file, which is used if the server has no lock.

    Raises:
        SetupError: nothing excludes a second run, and `exclusivity` is `require`.
        StateBusyError: another process held the lock until the timeout.
        RunHoldsStateError: a run holds it, and a tick asks.
        RunStoppedError: the Dagster run was stopped during the wait.
        Exception: of the driver, if the server of the state cannot be reached.
    """
    with ExitStack() as held:
        if request.locking.exclusivity is not Exclusivity.OFF and not (
            server and _enter_server(held, request, server)
        ):
            _enter_file(held, request, lock_file)
        yield


def _enter_server(held: ExitStack, request: LockRequest, server: ServerLock) -> bool:
    try:
        held.enter_context(_hold(server, request))
    except NoServerLockError as error:
        text = "The lock of the server that holds SQLMesh's state cannot be used"
        request.emit(Message(logging.WARNING, f"{text}: {request.redact(str(error))}"))
        return False
    return True


def _enter_file(held: ExitStack, request: LockRequest, lock_file: Callable[[], Path]) -> None:
    limit = request.locking.missing_limit
    if limit:
        warn = "Or set `exclusivity` of the SQLMeshResource to 'warn'."
        _refuse(request, SetupError(f"{limit}\n{warn}"))
    try:
        held.enter_context(_hold(StateFileLock(lock_file()), request))
    except (OSError, NotImplementedError) as error:  # a full disk, a read-only folder
        problem = "The lock file that prevents two SQLMesh runs at once cannot be used"
        remedy = (
            "Free the disk or the folder, set `lock_dir` of the SQLMeshResource to a folder "
            "that only its runs can write to, or set its `exclusivity` to 'warn'."
        )
        _refuse(request, SetupError(problem, remedy, str(error)))


def _refuse(request: LockRequest, problem: SetupError) -> None:
    if request.locking.exclusivity is Exclusivity.REQUIRE:
        raise problem
    request.emit(Message(logging.WARNING, request.redact(str(problem))))


@contextmanager
def _hold(lock: ServerLock | StateFileLock, request: LockRequest) -> Iterator[None]:
    try:
        _wait(lock, request)
        yield
    finally:
        lock.release()


def _wait(lock: ServerLock | StateFileLock, request: LockRequest) -> None:
    timeout = request.locking.timeout_seconds
    deadline = time.monotonic() + timeout
    logged: set[LockHolder | None] = set()
    while not lock.acquire(request):
        left = max(deadline - time.monotonic(), 0)
        holder = lock.holder()
        if request.stop.is_set():
            raise RunStoppedError("the Dagster run was stopped while it waited for another one")
        if holder and holder.run_id and not request.run_id:
            raise RunHoldsStateError(str(holder))  # a tick waits for other ticks only
        who = holder or "another process"
        if not logged or holder not in {None, *logged}:
            logged.add(holder)
            text = (
                f"Waiting for {who} to end, for up to {left:.0f} seconds. "
                "Only one SQLMesh run can use a state at a time"
            )
            request.emit(Message(logging.INFO, text))
        if not left:
            raise StateBusyError(
                f"waited {timeout:.0f} seconds for {who}. "
                "Try again later, or increase `lock_timeout` of the SQLMeshResource."
            )
        time.sleep(min(lock.poll_seconds, left))
