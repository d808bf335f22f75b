"""One generation at a time per output folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dg_sqlmesh_codegen import private_files
from dg_sqlmesh_codegen.errors import UsageError

# Comparing and writing thousands of files takes a few seconds.
TIMEOUT_SECONDS = 60.0


@contextmanager
def exclusive(out: Path, file: Path) -> Iterator[None]:
    """Wait until no other generation compares or writes the package, and make others wait.

    Args:
        out: the package's folder, for messages.
        file: the lock. Where it cannot be made, nothing is locked: two generations at once then
            write the same files twice.

    Raises:
        UsageError: another generation has not finished for a minute.
    """
    lock = FileLock(file)
    try:
        private_files.make_private(file.parent)
        lock.acquire(timeout=TIMEOUT_SECONDS)
    except Timeout as error:
        raise UsageError(
            f"another generation is writing {out}",
            hint=f"Wait for it to end; its lock is {file}.",
        ) from error
    except (OSError, NotImplementedError):
        pass  # read-only, a folder of another user, or a file system without locks
    try:
        yield
    finally:
        lock.release()
