"""The changes of a generation -> disk.

Every text is written to a temporary file first. Then the files take their places in an order in
which the package imports at every moment: modules, the lists of modules, `definitions.py`; removed
modules go last. A process that is killed in between leaves temporary files, or old files beside new
ones; the next generation removes and completes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from dg_sqlmesh_codegen.package_paths import DEFINITIONS, EXTERNALS_FOLDER, INDEXES, MODELS_FOLDER

from .compare import Change, Status

_TEMPORARY = ".dg-sqlmesh-codegen.tmp"


def apply(changes: Sequence[Change], out: Path) -> None:
    """Write what changed and remove what is orphaned. Run it under `lock.exclusive`.

    Args:
        changes: what `compare` found.
        out: the package's folder, made where it is missing.

    Raises:
        OSError: a file or folder cannot be written; where the cause is a full disk or a missing
            permission to write, no file has changed.
    """
    different = [change for change in changes if change.status is not Status.UNCHANGED]
    try:
        for change in different:
            _stage(change, out)
        for change in sorted(different, key=_turn):
            _replace(change, out)
    finally:
        _remove_temporary_files(out)


def _stage(change: Change, out: Path) -> None:
    if change.new is not None:
        path = _temporary(out / change.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change.new.encode("utf-8"))


def _replace(change: Change, out: Path) -> None:
    path = out / change.path
    if change.new is not None:
        _temporary(path).replace(path)
    else:
        path.unlink()
        _remove_traces(path, out)


def _turn(change: Change) -> int:
    """Return when a file takes its place: a module is there before and after it is imported."""
    if change.new is None:
        return 3
    if change.path == DEFINITIONS:
        return 2
    return 1 if change.path in INDEXES else 0


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}{_TEMPORARY}")


def _remove_temporary_files(out: Path) -> None:
    """Remove what this generation, or a killed one before it, has left."""
    for below in ("", f"{MODELS_FOLDER}/**/", f"{EXTERNALS_FOLDER}/**/"):
        for path in out.glob(f"{below}.*{_TEMPORARY}"):
            with contextlib.suppress(OSError):
                path.unlink()


def _remove_traces(path: Path, out: Path) -> None:
    """Remove the byte code of a removed module, and the folders that it leaves empty."""
    with contextlib.suppress(OSError):  # a folder that holds something else stays
        cache = path.parent / "__pycache__"
        for compiled in cache.glob(f"{path.stem}.*.pyc"):
            compiled.unlink()
        for folder in [cache, *path.parents]:
            if folder == out:
                return
            if folder.exists():
                folder.rmdir()
