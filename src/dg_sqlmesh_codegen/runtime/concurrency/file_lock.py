"""A lock file that all processes of a host share: the second holder waits for the first.

The kernel lets go of the lock when its process dies, however it dies: a file that a dead process
left behind holds nobody back.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

# How often a waiting run tries again, in seconds.
_POLL = 0.25
# Everybody's: the runs of one host may be those of several users.
_FILE_MODE = 0o666
_FOLDER_MODE = 0o1777


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: `run_id` is empty where it is no run (a tick that reads the state).

    `since` is the time when it got the lock, empty while it waits.
    """

    run_id: str
    pid: int
    host: str
    since: str = ""

    @classmethod
    def here(cls, run_id: str) -> Holder:
        """Return this process."""
        return cls(run_id, os.getpid(), socket.gethostname())

    def __str__(self) -> str:
        who = f"run {self.run_id}" if self.run_id else "a tick of the schedule"
        return f"{who} (process {self.pid} on {self.host}, since {self.since})"


class LockHeldError(Exception):
    """The time is up and somebody else still holds the lock; `holder` is None if unknown."""

    def __init__(self, holder: Holder | None) -> None:
        """Say who holds it."""
        super().__init__(str(holder) if holder else "another process")
        self.holder = holder


class LockUnusableError(Exception):
    """The lock file cannot be created or locked: a full disk, a folder that is read-only."""


def shared_folder() -> Path:
    """Return the folder that all users and processes of this host share.

    Not `TMPDIR`, and no user's folder of platformdirs: two users, or a service and a shell, would
    look into different ones.
    """
    root = Path(tempfile.gettempdir()) if sys.platform == "win32" else Path("/tmp")  # noqa: S108
    return root / "dg-sqlmesh-codegen"


@contextmanager
def hold(
    path: Path, holder: Holder, timeout: float, waiting: Callable[[Holder | None, float], None]
) -> Iterator[None]:
    """Hold the lock file `path` while the context is open; wait for up to `timeout` seconds.

    Args:
        path: the lock file; its folder is created for all users.
        holder: who is to hold it; others read it in a file next to the lock.
        timeout: how long to wait, in seconds.
        waiting: called about four times a second while somebody else has it, with the holder and
            the seconds waited so far. What it raises ends the wait.

    Raises:
        LockHeldError: the time is up.
        LockUnusableError: the file cannot be created or locked.
    """
    lock = _lock(path)
    started = time.monotonic()
    while not _take(lock):
        waited = time.monotonic() - started
        current = read_holder(path)
        waiting(current, waited)
        if waited >= timeout:
            raise LockHeldError(current)
        time.sleep(min(_POLL, max(timeout - waited, 0)))
    note = _note(path)
    try:
        _write_holder(note, holder)
        yield
    finally:
        with suppress(OSError):
            # Emptied, not deleted: in a sticky folder the next holder may be another user.
            note.write_text("", encoding="utf-8")
        lock.release()


def read_holder(path: Path) -> Holder | None:
    """Return who holds the lock file `path`, as far as its holder could write it down."""
    try:
        return Holder(**json.loads(_note(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _lock(path: Path) -> FileLock:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(_FOLDER_MODE)
        # Not of one thread: what holds it may be let go of in another.
        return FileLock(path, thread_local=False, mode=_FILE_MODE)
    except OSError as error:
        raise LockUnusableError(str(error)) from error


def _take(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        raise LockUnusableError(str(error)) from error
    return True


def _note(path: Path) -> Path:
    return path.with_suffix(".holder")


def _write_holder(note: Path, holder: Holder) -> None:
    # Who waits would like to know, but the lock holds without it: on a full disk, for example.
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        note.write_text(json.dumps(asdict(replace(holder, since=now))), encoding="utf-8")
    with suppress(OSError):
        note.chmod(_FILE_MODE)  # only its owner may, and only once is needed
