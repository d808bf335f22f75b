"""A lock file that all processes of a host share: the second holder waits for the first.

The kernel releases the lock when its process dies, so the file of a dead process blocks nothing.
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

from dg_sqlmesh_codegen.runtime.errors import StateBusyError

_POLL_SECONDS = 0.25
# For all users: the runs of one host can belong to several users.
_FILE_MODE = 0o666
_FOLDER_MODE = 0o1777


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a lock, or waits for it.

    `run_id` is the Dagster run, empty for a tick that reads the state. `since` is the ISO time when
    it got the lock, empty while it waits.
    """

    run_id: str
    pid: int
    host: str
    since: str = ""

    @classmethod
    def here(cls, run_id: str) -> LockHolder:
        """Return this process."""
        return cls(run_id, os.getpid(), socket.gethostname())

    def __str__(self) -> str:
        who = f"run {self.run_id}" if self.run_id else "a tick of the schedule"
        return f"{who} (process {self.pid} on {self.host}, since {self.since})"


class LockUnusableError(Exception):
    """The lock file cannot be created or locked: a full disk, a read-only folder."""


def shared_folder() -> Path:
    """Return a folder that all users and processes of this host share.

    `TMPDIR` and the folders of platformdirs can differ between two users, or between a service and
    a shell.
    """
    root = Path(tempfile.gettempdir()) if sys.platform == "win32" else Path("/tmp")  # noqa: S108
    return root / "dg-sqlmesh-codegen"


@contextmanager
def hold(
    path: Path,
    holder: LockHolder,
    timeout_seconds: float,
    waiting: Callable[[LockHolder | None, float], None],
) -> Iterator[None]:
    """Hold the lock file while the context is open.

    Args:
        path: the lock file. Its folder is created for all users.
        holder: this process. Other processes read it in a file next to the lock.
        timeout_seconds: how long to wait for another process.
        waiting: called four times a second while another process holds the lock, with the holder
            and the seconds waited. An error that it raises ends the wait.

    Raises:
        StateBusyError: another process held the lock until the timeout.
        LockUnusableError: the file cannot be created or locked.
    """
    lock = _lock(path)
    started = time.monotonic()
    while not _acquire(lock):
        waited = time.monotonic() - started
        current = read_holder(path)
        waiting(current, waited)
        if waited >= timeout_seconds:
            raise StateBusyError(
                f"waited {timeout_seconds:.0f} seconds for {current or 'another process'}. "
                "Try again later, or increase `lock_timeout` of the `sqlmesh` resource."
            )
        time.sleep(min(_POLL_SECONDS, max(timeout_seconds - waited, 0)))
    holder_file = _holder_file(path)
    try:
        _write_holder(holder_file, holder)
        yield
    finally:
        with suppress(OSError):
            # Not deleted: in a sticky folder, another user could not write the file again.
            holder_file.write_text("", encoding="utf-8")
        lock.release()


def read_holder(path: Path) -> LockHolder | None:
    """Return the holder of the lock file `path`, or None if it is unknown."""
    try:
        return LockHolder(**json.loads(_holder_file(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _lock(path: Path) -> FileLock:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(_FOLDER_MODE)
        # One thread may acquire it and another one release it.
        return FileLock(path, thread_local=False, mode=_FILE_MODE)
    except OSError as error:
        raise LockUnusableError(str(error)) from error


def _acquire(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        raise LockUnusableError(str(error)) from error
    return True


def _holder_file(path: Path) -> Path:
    return path.with_suffix(".holder")


def _write_holder(holder_file: Path, holder: LockHolder) -> None:
    # The lock works without this file, for example on a full disk.
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        text = json.dumps(asdict(replace(holder, since=now)))
        holder_file.write_text(text, encoding="utf-8")
    with suppress(OSError):
        holder_file.chmod(_FILE_MODE)  # only the file's owner can do this
