"""One generation at a time per output folder, without leaving anything in it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout
from platformdirs import user_cache_path

from dg_sqlmesh_codegen.errors import UsageError

# Comparing and writing thousands of files takes a few seconds.
PATIENCE = 60.0


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Wait until no other generation compares or writes the package, and keep others waiting.

    The lock is a file in the user's cache folder, or in the folder for temporary files where that
    cannot be written; where neither can, nothing is locked, as a generation needs no other place
    than its output folder.

    Args:
        out: the package's folder, which need not exist; links to it are the same folder.

    Raises:
        UsageError: another generation has not finished for a minute.
    """
    lock = _acquired(f"{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]}.lock", out)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _acquired(name: str, out: Path) -> BaseFileLock | None:
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / name)
            lock.acquire(timeout=PATIENCE)
        except Timeout as error:
            raise UsageError(
                f"another generation is at work in {out}",
                hint=f"Wait for it to end; the lock is {folder / name}.",
            ) from error
        except (OSError, NotImplementedError):  # a file system without locks
            continue
        return lock
    return None


def _folders() -> Iterator[Path]:
    cache = user_cache_path("dg-sqlmesh-codegen") / "locks"
    if cache.is_absolute():  # it is not for a user without a home, as containers have them
        yield cache
    user = os.getuid() if hasattr(os, "getuid") else ""
    yield Path(tempfile.gettempdir(), f"dg-sqlmesh-codegen-{user}")
