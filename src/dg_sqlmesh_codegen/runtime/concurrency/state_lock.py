"""The lock of a SQLMesh state: a file that all processes of a host share.

The second holder waits for the first. The kernel releases the lock when its process dies, so the
file of a dead process blocks nothing.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from dg_sqlmesh_codegen.runtime.errors import RunStoppedError, SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import Emit, Message
from dg_sqlmesh_codegen.runtime.run_target import Exclusivity, Locking

from .cancel import Stop

_POLL_SECONDS = 0.25
# For all users: the runs of one host can belong to several users.
_FILE_MODE = 0o666
_FOLDER_MODE = 0o1777


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a lock, since an ISO time.

    `run_id` is the Dagster run, empty for a tick that reads the state.
    """

    run_id: str
    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        who = f"run {self.run_id}" if self.run_id else "a tick of the schedule"
        return f"{who} (process {self.pid} on {self.host}, since {self.since})"


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A request for exclusive use of a state.

    Args:
        run_id: the Dagster run that asks; empty for a tick.
        locking: how long to wait, and what to do if the lock cannot be used.
        emit: takes messages about the wait and the lock.
        stop: ends the wait once it is set.
    """

    run_id: str
    locking: Locking
    emit: Emit = lambda _: None
    stop: Stop = field(default_factory=Stop)


def shared_folder() -> Path:
    """Return a folder that all users and processes of this host share.

    `TMPDIR` and the folders of platformdirs can differ between two users, or between a service and
    a shell.
    """
    root = Path(tempfile.gettempdir()) if sys.platform == "win32" else Path("/tmp")  # noqa: S108
    return root / "dg-sqlmesh-codegen"


@contextmanager
def hold_state(path: Path, request: LockRequest) -> Iterator[None]:
    """Hold the lock file `path` while the context is open, unless `exclusivity` is `off`.

    The folder of the file is created for all users. Other processes read who holds the lock in a
    file next to it.

    Raises:
        SetupError: the lock file cannot be used, and `exclusivity` is `require`.
        StateBusyError: another process held the lock until the timeout, or a run holds it and a
            tick asks.
        RunStoppedError: the Dagster run was stopped during the wait.
    """
    mode = request.locking.exclusivity
    with ExitStack() as held:
        try:
            if mode is not Exclusivity.OFF:
                held.enter_context(_hold(path, request))
        except (OSError, NotImplementedError) as error:  # a full disk, a read-only folder
            problem = SetupError(
                f"The lock file that prevents two SQLMesh runs at once cannot be used: {error}",
                "Free the disk or the folder, set `lock_dir` of the `sqlmesh` resource to a folder "
                "that all its runs can write to, or set its `exclusivity` to 'warn'.",
            )
            if mode is Exclusivity.REQUIRE:
                raise problem from error
            request.emit(Message(logging.WARNING, str(problem)))
        yield


def read_holder(path: Path) -> LockHolder | None:
    """Return the holder of the lock file `path`, or None if it is unknown."""
    try:
        return LockHolder(**json.loads(_holder_file(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def _hold(path: Path, request: LockRequest) -> Iterator[None]:
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(_FOLDER_MODE)
    # One thread may acquire it and another one release it.
    lock = FileLock(path, thread_local=False, mode=_FILE_MODE)
    _acquire(lock, path, request)
    try:
        _write_holder(_holder_file(path), request.run_id)
        yield
    finally:
        with suppress(OSError):
            # Not deleted: in a sticky folder, another user could not write the file again.
            _holder_file(path).write_text("", encoding="utf-8")
        lock.release()


def _acquire(lock: FileLock, path: Path, request: LockRequest) -> None:
    timeout = request.locking.timeout_seconds
    deadline = time.monotonic() + timeout
    logged: set[LockHolder | None] = set()
    while True:
        with suppress(Timeout):
            lock.acquire(blocking=False)
            return
        left = max(deadline - time.monotonic(), 0)
        holder = read_holder(path)
        if request.stop.is_set():
            raise RunStoppedError("the Dagster run was stopped while it waited for another one")
        if holder and holder.run_id and not request.run_id:
            raise StateBusyError(str(holder))  # a tick waits for other ticks only
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
                "Try again later, or increase `lock_timeout` of the `sqlmesh` resource."
            )
        time.sleep(min(_POLL_SECONDS, left))


def _holder_file(path: Path) -> Path:
    return path.with_suffix(".holder")


def _write_holder(holder_file: Path, run_id: str) -> None:
    # The lock works without this file, for example on a full disk.
    now = datetime.now(UTC).isoformat(timespec="seconds")
    holder = LockHolder(run_id, os.getpid(), socket.gethostname(), now)
    with suppress(OSError):
        holder_file.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    with suppress(OSError):
        holder_file.chmod(_FILE_MODE)  # only the file's owner can do this
