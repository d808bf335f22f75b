"""Files -> disk: all of them or none, and never over somebody else's file."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Literal

from . import banner, transaction
from .errors import UsageError
from .files import EXTERNALS_FOLDER, MODELS_FOLDER, File
from .naming import Identifier
from .transaction import Replacement, read

# The name of a folder and the modules in it -> the text of the folder's `__init__.py`.
Index = Callable[[str, Iterable[tuple[Identifier, ...]]], str]
_IMPORTED = re.compile(r"^from \.([\w.]+) import ", re.MULTILINE)
_VERSION = re.compile(r'"(?:dg_sqlmesh_codegen|sqlmesh)/version": "[^"]*"')
_DEFINITIONS = PurePosixPath("definitions.py")
_INDEXED = {PurePosixPath(name, "__init__.py"): name for name in (MODELS_FOLDER, EXTERNALS_FOLDER)}


class Status(Enum):
    """How a file on disk relates to the package."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    MISSING = "missing"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class Change:
    """One file of the package or of an earlier one: what is there and what should be.

    `edited` tells that what is there is not what a generation wrote: somebody edited it by hand.
    """

    path: PurePosixPath
    status: Status
    old: str | None
    new: str | None
    edited: bool = False

    @property
    def versions_only(self) -> bool:
        """Whether nothing differs but the versions of this tool and of SQLMesh."""
        if self.status is not Status.CHANGED or self.edited or not (self.old and self.new):
            return False
        return _without_versions(self.old) == _without_versions(self.new)

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff from what is on disk to what should be."""
        lines = difflib.unified_diff(
            _lines(self.old or ""),
            _lines(self.new or ""),
            fromfile=f"a/{self.path}" if self.old is not None else "/dev/null",
            tofile=f"b/{self.path}" if self.new is not None else "/dev/null",
        )
        for line in lines:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _without_versions(text: str) -> str:
    # The banner's digest follows from the rest.
    return _VERSION.sub("", text.partition("\n")[2])


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at form feeds and Unicode separators.
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def compare(files: Sequence[File], out: Path, index: Index) -> tuple[Change, ...]:
    """Compare the package with the folder it goes to.

    Args:
        files: the whole package.
        out: its folder, which need not exist.
        index: renders `models/__init__.py` and its like from the modules that it lists.

    Returns:
        A change per file, sorted by path; files with our banner that are no longer generated are
        orphaned. Only `__init__.py`, `definitions.py`, `models/` and `externals/` are looked at:
        another package of ours may live in a folder beside them. A file keeps its line endings:
        where git checks out CRLF that is no difference, and what changes is written with CRLF.

    Raises:
        UsageError: a file in the way that does not carry our banner.
    """
    there = _ours(out)
    generated = {file.path for file in files}
    changes = [_compare(file, out, there) for file in files]
    changes += [
        Change(path, Status.ORPHANED, old, None)
        for path, old in there.items()
        if path not in generated
    ]
    changes = [
        replace(change, edited=True) if _is_edited(change, out, there, index) else change
        for change in changes
    ]
    return tuple(sorted(changes, key=lambda change: change.path))


def _compare(file: File, out: Path, there: Mapping[PurePosixPath, str]) -> Change:
    old = there.get(file.path)
    if old is None:
        old = _in_the_way(out / file.path)
    if old is None:
        return Change(file.path, Status.MISSING, None, file.text)
    new = file.text.replace("\n", "\r\n") if _has_crlf(old) else file.text
    return Change(file.path, Status.UNCHANGED if old == new else Status.CHANGED, old, new)


def _in_the_way(path: Path) -> Literal[""] | None:
    """Return None where a file can be made, and its text where it is empty: that is nobody's."""
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file, and a folder has to be there", hint=_HINT)
    if path.is_dir():
        raise UsageError(f"{path} is a folder, and a file has to be there", hint=_HINT)
    if not path.exists() and not path.is_symlink():
        return None
    if path.exists() and not path.stat().st_size:
        return ""
    # Or a link that leads nowhere.
    raise UsageError(f"{path} was not generated by this tool, so it is not overwritten", hint=_HINT)


def _has_crlf(text: str) -> bool:
    """Whether every line ends like that, as in a checkout with git's `core.autocrlf`."""
    return "\r\n" in text and text.count("\r\n") == text.count("\n")


def _is_edited(change: Change, out: Path, there: Iterable[PurePosixPath], index: Index) -> bool:
    if change.status is Status.UNCHANGED or not change.old:
        return False
    if change.path in _INDEXED:
        # It holds no digest but follows from its neighbours, also where git merged two of it. One
        # that is gone was deleted: that is no edit of this file.
        folder = _INDEXED[change.path]
        listed = {path for path in there if _is_in(folder, path)}
        listed.update(_imported(change.old, folder, out))
        return change.old.replace("\r\n", "\n") != index(folder, sorted(map(_module, listed)))
    if change.path.name == "__init__.py" and not banner.is_stamped(change.old):
        return banner.has_body(change.old)
    return banner.is_edited(change.old)


def _imported(text: str, folder: str, out: Path) -> Iterator[PurePosixPath]:
    """Yield the modules that a list of modules imports and that are not there."""
    for name in _IMPORTED.findall(text):
        path = PurePosixPath(folder, *name.split(".")).with_suffix(".py")
        if not (out / path).exists():
            yield path


def _is_in(folder: str, path: PurePosixPath) -> bool:
    return path.parts[0] == folder and path.name != "__init__.py"


def _module(path: PurePosixPath) -> tuple[Identifier, ...]:
    return tuple(map(Identifier, path.with_suffix("").parts[1:]))


_HINT = "Delete it or move it away, or name another folder with -o."


def _ours(out: Path) -> dict[PurePosixPath, str]:
    """Read what carries our banner."""
    candidates = [out / "__init__.py", out / "definitions.py"]
    for folder in (MODELS_FOLDER, EXTERNALS_FOLDER):
        candidates += (out / folder).rglob("*.py")
    texts = ((path, read(path)) for path in candidates if path.is_file())
    return {
        PurePosixPath(path.relative_to(out).as_posix()): text
        for path, text in texts
        if banner.is_ours(text)
    }


def apply(changes: Sequence[Change], out: Path) -> None:
    """Write what changed and remove what is orphaned; on any exception everything is as before.

    Args:
        changes: what `compare` found.
        out: the package's folder, made where it is missing.

    Raises:
        OSError: the folder cannot be written.
        UsageError: it cannot be written any more, not even as it was before.
    """
    below = [f"{folder}/**/*.py" for folder in (MODELS_FOLDER, EXTERNALS_FOLDER)]
    for pattern in ("__init__.py", "definitions.py", *below):
        transaction.remove_leftovers(out, pattern)
    todo = sorted(
        (change for change in changes if change.status is not Status.UNCHANGED), key=_turn
    )
    transaction.replace_all(
        [Replacement(out / change.path, change.old, change.new) for change in todo]
    )
    for change in todo:
        if change.status is Status.ORPHANED:
            _tidy(out / change.path, out)


def _turn(change: Change) -> int:
    """Say when a file takes its place: no module is imported before it is there or after it went.

    So whoever imports the package at that moment, or after a `kill -9` in it, can do so.
    """
    if change.status is Status.ORPHANED:
        return 3
    if change.path == _DEFINITIONS:
        return 2
    return 1 if change.path in _INDEXED else 0


def _tidy(path: Path, out: Path) -> None:
    """Remove the byte code of a removed module, and the folders that it leaves empty.

    All is written by now: neither an error nor an interrupt may make it look as if it was not.
    """
    with contextlib.suppress(OSError, KeyboardInterrupt):
        cache = path.parent / "__pycache__"
        for compiled in cache.glob(f"{path.stem}.*.pyc"):
            compiled.unlink(missing_ok=True)
        for folder in [cache, *path.parents]:
            if folder == out:
                return
            transaction.remove_empty(folder)
