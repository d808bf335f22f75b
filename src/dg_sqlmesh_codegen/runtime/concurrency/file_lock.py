"""A lock file, for a state that has no lock of its own.

The kernel releases it when its process dies. It excludes the processes of one host.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from dg_sqlmesh_codegen import private_files

from .locks import LockHolder, LockRequest

_APP = "dg-sqlmesh-codegen"


class StateFileLock:
    """A lock file, and beside it a file that says who holds it.

    Raises:
        OSError: every method, if the file cannot be used.
    """

    poll_seconds = 0.25

    def __init__(self, path: Path) -> None:
        """Take a path in an existing folder that not everybody can write to."""
        self._holder_file = path.with_suffix(".holder")
        # Users that share a folder by their group share its locks.
        shared = path.parent.stat().st_mode & stat.S_IWGRP
        # One thread may acquire it and another one release it.
        self._lock = FileLock(path, thread_local=False, mode=0o660 if shared else 0o600)

    def acquire(self, request: LockRequest) -> bool:
        """Take the lock if it is free, and return whether it was."""
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        now = datetime.now(UTC).isoformat(timespec="seconds")
        process = f"process {os.getpid()} on {socket.gethostname()}, since {now}"
        holder = LockHolder(request.run_id, process)
        with suppress(OSError):  # the lock works without this file, for example on a full disk
            private_files.write(self._holder_file, json.dumps(asdict(holder)).encode())
        return True

    def holder(self) -> LockHolder | None:
        """Return who holds the lock; None if nobody does, or another user."""
        try:
            return LockHolder(**json.loads(private_files.read(self._holder_file)))
        except (OSError, ValueError, TypeError):
            return None

    def release(self) -> None:
        """Release the lock if it is held."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._holder_file.unlink(missing_ok=True)
            self._lock.release()


def lock_file(database: Path | None, name: str, folder: str | None) -> Path:
    """Return the path of a lock file, in a folder that not everybody can write to.

    Args:
        database: the file of the state. The lock is beside it if nobody else can write there.
        name: a name for the lock in a folder of other locks.
        folder: the folder that the user has configured. None is the folder of the database, or one
            of the user's own.

    Raises:
        OSError: there is no such folder.
    """
    if folder:
        return _configured(Path(folder)) / f"{name}.lock"
    if database and private_files.is_private(database.parent):
        return database.with_name(f".{database.name}.lock")
    return _own_folder() / f"{name}.lock"


def _configured(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if private_files.everybody_writes(folder):
        raise PermissionError(f"every user of this host can write to {folder}")
    return folder


def _own_folder() -> Path:
    """Return a folder of this user. The home folder of a container's user may not exist."""
    options = (platformdirs.user_state_path, platformdirs.user_runtime_path)
    errors = []
    for option in options:
        try:
            folder = option(_APP, appauthor=False)
            if not folder.is_absolute():
                raise NotADirectoryError(f"this user has no folder {folder}")
            private_files.make_private(folder)
        except OSError as error:
            errors.append(str(error))
        else:
            return folder
    raise PermissionError("; ".join(errors))
