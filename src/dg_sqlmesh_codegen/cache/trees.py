"""The contents of files and folders, as short digests.

Times are no proof: git, an editor or `touch -r` can set them. So a file is read, unless it is
large; then its inode's change time stands for it, which nobody can set.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping

_BYTE_CODE = "__pycache__"
# What tools leave in a project, and no load reads to find out what the project is.
_TRANSIENT = {
    _BYTE_CODE,
    ".git",
    ".hg",
    ".hypothesis",
    ".idea",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "node_modules",
}
_CACHE = ".cache"  # SQLMesh's
_DBT_PROJECT = "dbt_project.yml"
_DATABASES = (".db", ".db.wal", ".ddb", ".duckdb", ".duckdb.wal", ".log", ".pyc", ".wal")
_LARGE = 4 * 2**20
# As long as a clock's tick may last, a second change may leave no trace in the times.
_RACY = 2_000_000_000
_MISSING = "-"


def tree(root: str, skipped: frozenset[str] = frozenset(), out: str = "") -> dict[str, str]:
    """Return the contents of a folder.

    Args:
        root: an absolute path.
        skipped: absolute paths that do not count.
        out: an absolute path; the folders above it come and go with it.

    Returns:
        A token by path, relative to the root; folders end with a slash. Links are followed, and
        where they lead is part of the token.

    Raises:
        OSError: a folder that cannot be listed.
    """
    found: dict[str, str] = {}
    known = {os.path.realpath(root)}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder, folder == root, skipped):
            name = os.path.relpath(entry.path, root) if folder != root else entry.name
            if not entry.is_dir():
                found[name] = _link(entry) + (token(entry.path) if entry.is_file() else _MISSING)
                continue
            if not out.startswith(f"{entry.path}{os.sep}"):
                found[f"{name}/"] = _link(entry)
            real = os.path.realpath(entry.path)
            if real not in known:
                known.add(real)
                waiting.append(entry.path)
    return found


def token(path: str) -> str:
    """Return what stands for a file's contents; a file that cannot be read has a token, too."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return _MISSING
        if status.st_size > _LARGE and status.st_ctime_ns < time.time_ns() - _RACY:
            return f"{status.st_size}.{status.st_mtime_ns}.{status.st_ctime_ns}.{status.st_ino}"
        with open(path, "rb", buffering=0) as file:
            return hashlib.blake2b(file.read(), digest_size=16).hexdigest()
    except OSError:
        return _MISSING


def names(folder: str, ignored: frozenset[str] = frozenset()) -> str:
    """Return what stands for the names in a folder, without paths that are `ignored`."""
    return _listing(
        folder, (each for each in _listed(folder) if _path(folder, each) not in ignored)
    )


def modules(folder: str, ignored: frozenset[str] = frozenset()) -> str:
    """Return what stands for the names in a folder that Python can import."""
    importable = (
        each
        for each in _listed(folder)
        if _path(folder, each) not in ignored
        and (each.isidentifier() or each.endswith((".py", ".pyc", ".so", ".pyd")))
    )
    return _listing(folder, importable)


def is_transient(root: str, path: str) -> bool:
    """Whether a path, relative to a root, is in a folder that SQLMesh, dbt or Python write into."""
    parts = path.split(os.sep)
    return (
        parts[0] == _CACHE
        or (parts[0] == "target" and os.path.exists(_path(root, _DBT_PROJECT)))
        or _BYTE_CODE in parts
    )


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield what is in one only, or has another token."""
    for path in before.keys() | after.keys():
        if before.get(path) != after.get(path):
            yield path


def _entries(folder: str, at_root: bool, skipped: frozenset[str]) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.path in skipped:
                continue
            if not entry.is_dir():
                if not entry.name.endswith(_DATABASES):
                    yield entry
            elif not (
                entry.name in _TRANSIENT
                or (at_root and (entry.name == "logs" or is_transient(folder, entry.name)))
                or os.path.exists(_path(entry.path, "pyvenv.cfg"))
            ):
                yield entry


def _link(entry: os.DirEntry[str]) -> str:
    return f"{os.readlink(entry.path)}>" if entry.is_symlink() else ""


def _path(folder: str, name: str) -> str:
    return f"{folder}{os.sep}{name}"


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _listing(folder: str, kept: Iterable[str]) -> str:
    text = "\0".join(sorted(name for name in kept if name not in _TRANSIENT))
    there = os.path.isdir(folder)
    return hashlib.blake2b(os.fsencode(text), digest_size=16).hexdigest() if there else _MISSING
