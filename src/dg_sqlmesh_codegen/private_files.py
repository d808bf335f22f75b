"""Folders and files that only their user can change: for locks and caches.

Whoever can write to a folder can put a link, a FIFO or a file of their own under a name that we
use. So such a folder is refused, and a file is opened without following a link or waiting.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

# Windows has neither. There a user's folders are protected by their access control lists.
_OPEN_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OTHERS_WRITE = 0 if sys.platform == "win32" else stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path) -> None:
    """Create a folder of mode 0700, or give an existing one of this user this mode.

    Raises:
        OSError: it cannot be created, is a link, belongs to another user, others can write to it
            (what is in it may be theirs), or they can put another folder in its place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{folder} is a link")
    if not _is_mine(status):
        raise PermissionError(f"{folder} belongs to another user")
    if status.st_mode & _OTHERS_WRITE:
        raise PermissionError(f"other users can write to {folder}")
    parent = folder.parent.stat()
    is_sticky = parent.st_mode & stat.S_ISVTX
    if not _is_mine(parent, root=True) or (parent.st_mode & stat.S_IWOTH and not is_sticky):
        raise PermissionError(f"other users can replace {folder}")
    if status.st_mode & 0o077:
        folder.chmod(0o700)


def is_private(folder: Path) -> bool:
    """Return whether a folder belongs to this user, and nobody else can write to it."""
    status = folder.stat()
    return _is_mine(status) and not status.st_mode & _OTHERS_WRITE and os.access(folder, os.W_OK)


def everybody_writes(folder: Path) -> bool:
    """Return whether every user of the host can write to a folder."""
    return sys.platform != "win32" and bool(folder.stat().st_mode & stat.S_IWOTH)


def read(file: Path) -> bytes:
    """Return the content of a regular file of this user.

    Raises:
        OSError: it cannot be read, is a link or a FIFO, or another user owns or can change it.
    """
    descriptor = os.open(file, os.O_RDONLY | _OPEN_FLAGS)
    try:
        status = os.fstat(descriptor)
        is_open = status.st_mode & _OTHERS_WRITE
        if is_open or not (stat.S_ISREG(status.st_mode) and _is_mine(status)):
            raise PermissionError(f"{file} is not a file that only this user can change")
        with open(descriptor, "rb", closefd=False) as opened:
            return opened.read()
    finally:
        os.close(descriptor)


def write(file: Path, content: bytes) -> None:
    """Replace a file by one of mode 0600, whatever is there: a link is not followed."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
        new.write(content)
    Path(new.name).replace(file)


def _is_mine(status: os.stat_result, *, root: bool = False) -> bool:
    if sys.platform == "win32":
        return True
    return status.st_uid == os.geteuid() or (root and status.st_uid == 0)
