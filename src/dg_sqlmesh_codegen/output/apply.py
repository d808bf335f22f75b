"""The changes of a generation -> disk.

Every text is written to a temporary file first. Then the files take their places in an order in
which the package imports at every moment: modules, the lists of modules, `definitions.py`; removed
modules go last. Meanwhile `audits.py` has the old audits and the new ones. A process that is killed
in between leaves temporary files, or old files beside new ones; the next generation removes and
completes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dg_sqlmesh_codegen.package_paths import (
    AUDITS,
    DEFINITIONS,
    EXTERNALS_FOLDER,
    INDEXES,
    MODELS_FOLDER,
)

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
    steps = [step for change in changes for step in _steps(change)]
    try:
        for turn, change in steps:
            _stage(change, out, turn)
        for turn, change in sorted(steps, key=lambda step: step[0]):
            _replace(change, out, turn)
    finally:
        _remove_temporary_files(out)


def _steps(change: Change) -> Iterator[tuple[int, Change]]:
    """Yield what to write for a change, and when.

    In one turn, the order is that of the paths: `audits.py` is there before the models.
    """
    if change.status is Status.UNCHANGED:
        return
    if change.path == AUDITS and change.old and change.new:
        yield 0, replace(change, new=f"{change.old}\n{change.new}")
        yield 2, change
    else:
        yield _turn(change), change


def _stage(change: Change, out: Path, turn: int) -> None:
    if change.new is not None:
        path = _temporary(out / change.path, turn)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change.new.encode("utf-8", errors="surrogateescape"))


def _replace(change: Change, out: Path, turn: int) -> None:
    path = out / change.path
    if change.new is not None:
        _temporary(path, turn).replace(path)
    else:
        path.unlink()
        with contextlib.suppress(OSError):  # a folder that holds something else stays
            for folder in path.relative_to(out).parents[:-1]:
                (out / folder).rmdir()


def _turn(change: Change) -> int:
    """Return when a file takes its place: a module is there before and after it is imported."""
    if change.new is None:
        return 3
    if change.path == DEFINITIONS:
        return 2
    return 1 if change.path in INDEXES else 0


def _temporary(path: Path, turn: int) -> Path:
    return path.with_name(f".{path.name}.{turn}{_TEMPORARY}")


def _remove_temporary_files(out: Path) -> None:
    """Remove what this generation, or a killed one before it, has left."""
    for below in ("", f"{MODELS_FOLDER}/**/", f"{EXTERNALS_FOLDER}/**/"):
        for path in out.glob(f"{below}.*{_TEMPORARY}"):
            with contextlib.suppress(OSError):
                path.unlink()
