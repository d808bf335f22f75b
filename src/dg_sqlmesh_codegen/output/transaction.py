"""Several files replaced at once: all of them or none, whatever comes in between.

New texts are staged beside their targets; what is left to do then is a rename per file. An error or
a signal in between undoes what was done. Only a process that is killed (`kill -9`, a power cut)
leaves something behind: staged files, which the next generation removes, and in the moment of the
renames a mixture, which it completes.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dg_sqlmesh_codegen.errors import UsageError

from .interrupts import interrupts

_STAGED = re.compile(r"\..+\.py\.(?P<process>\d+)\.tmp")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file, its text now and its text then; None where there is none."""

    path: Path
    old: str | None
    new: str | None


def read(path: Path) -> str:
    """Read a file whatever is in it: no line ending is changed, and no byte is lost."""
    return path.read_bytes().decode("utf-8", errors="surrogateescape")


def replace_all(todo: Sequence[Replacement]) -> None:
    """Write and remove files in this order; on an exception or a signal everything is as before.

    Raises:
        OSError: a folder cannot be written.
        UsageError: it cannot be written any more, not even as it was before.
    """
    written = [each for each in todo if each.new is not None]
    # All that is about to come into being is known before any of it does: an interrupt can come
    # between an action and the line that would remember it.
    folders = _missing_folders([each.path for each in written])
    replaced: Sequence[Replacement] = ()
    with interrupts() as signals:
        try:
            for folder in folders:
                folder.mkdir(exist_ok=True)
            for each in written:
                _stage(each)
            replaced = todo
            for each in todo:
                _commit(each)
            signals.held = True
        except BaseException as error:
            signals.held = True
            # The staged files first: on a full disk that makes the room for the old ones.
            _unstage(written)
            lost = [str(each.path) for each in replaced if not _restored(each)]
            for folder in reversed(folders):
                remove_empty(folder)
            if lost:
                raise _incomplete(lost, error) from error
            raise


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what a generation had staged that was killed before it could rename it.

    Args:
        folder: where to look.
        pattern: glob pattern of the files that were to be written.
    """
    head, slash, name = pattern.rpartition("/")
    for path in folder.glob(f"{head}{slash}.{name}.*.tmp"):
        found = _STAGED.fullmatch(path.name)
        if found and not _is_alive(int(found["process"])):
            with contextlib.suppress(OSError):
                path.unlink()


def remove_empty(folder: Path) -> None:
    """Remove a folder, unless there is something in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_alive(process: int) -> bool:
    if process == os.getpid() or os.name != "posix":
        # Ours is from an earlier life: a container's processes have the same few numbers. Elsewhere
        # nobody can be asked without being ended; the lock says that no other generation runs.
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _missing_folders(files: Sequence[Path]) -> list[Path]:
    """Return the folders that have to be made for the files, outer ones first."""
    folders = {folder for file in files for folder in file.parents if not folder.exists()}
    return sorted(folders, key=lambda folder: len(folder.parts))


def _temporary(path: Path) -> Path:
    """Return where a file is written before it takes its place; no two processes share a name."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _stage(each: Replacement) -> None:
    """Write the text beside its target, so that what is left to do is a rename."""
    assert each.new is not None  # noqa: S101 - for mypy: only what has a text is staged
    with _temporary(each.path).open("wb") as file:
        file.write(each.new.encode("utf-8"))


def _commit(each: Replacement) -> None:
    if each.new is None:
        each.path.unlink()
    else:
        _temporary(each.path).replace(each.path)


def _unstage(written: Sequence[Replacement]) -> None:
    for each in written:
        with contextlib.suppress(OSError):
            _temporary(each.path).unlink(missing_ok=True)


def _incomplete(lost: Sequence[str], error: BaseException) -> UsageError:
    return UsageError(
        f"the package is incomplete, as {', '.join(lost)} could not be put back",
        detail=str(error),
        hint="Mend the folder and generate again.",
    )


def _restored(each: Replacement) -> bool:
    try:
        _restore(each)
    except OSError:
        return False
    return True


def _restore(each: Replacement) -> None:
    """Put back what was there, by a rename again."""
    if (read(each.path) if each.path.exists() else None) != each.new:
        return  # not replaced by us: what is there is somebody's, or still the old file
    if each.old is None:
        each.path.unlink(missing_ok=True)
        return
    temporary = _temporary(each.path)
    try:
        temporary.write_bytes(each.old.encode("utf-8", errors="surrogateescape"))
        temporary.replace(each.path)
    finally:
        temporary.unlink(missing_ok=True)
