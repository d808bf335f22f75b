"""One generation at a time per output folder, without leaving anything in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout
from platformdirs import user_cache_path

from dg_sqlmesh_codegen.errors import UsageError

# Comparing and writing thousands of files takes a few seconds.
TIMEOUT_SECONDS = 60.0


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Wait until no other generation compares or writes the package, and make others wait.

    The lock is a file in the user's cache folder. Where that folder cannot be written, nothing is
    locked: two generations at once then write the same files twice.

    Args:
        out: the package's folder, which need not exist; links to it are the same folder.

    Raises:
        UsageError: another generation has not finished for a minute.
    """
    lock = _acquired(out)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _acquired(out: Path) -> BaseFileLock | None:
    folder = user_cache_path("dg-sqlmesh-codegen", appauthor=False) / "locks"
    path = folder / f"{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]}.lock"
    if not folder.is_absolute():  # a user without a home, as in containers
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=TIMEOUT_SECONDS)
    except Timeout as error:
        raise UsageError(
            f"another generation is writing {out}",
            hint=f"Wait for it to end; its lock is {path}.",
        ) from error
    except (OSError, NotImplementedError):  # read-only, or a file system without locks
        return None
    return lock
