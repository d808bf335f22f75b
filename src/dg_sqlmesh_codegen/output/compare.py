"""The rendered package beside the folder that it goes to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Literal

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.package_paths import AUDITS, DEFINITIONS, EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.rendering import header
from dg_sqlmesh_codegen.rendering.files import File

_VERSION = re.compile(r'"(?:dg_sqlmesh_codegen|sqlmesh)/version": "[^"]*"')
_SQLMESH = re.compile(r'"sqlmesh/version": "([^"]*)"')
_HASHES = re.compile(rf'{_VERSION.pattern}|\bcode_version="[^"]*"')
# str.splitlines would also split at form feeds and Unicode separators.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HINT = "Delete it or move it away, or name another folder with -o."


class Status(Enum):
    """How a file on disk relates to the package."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    MISSING = "missing"
    ORPHANED = "orphaned"


@dataclass(frozen=True, slots=True)
class Change:
    """One file of the package or of an earlier one: the text on disk, and the text to write.

    `old` is None where there is no file, `new` where the file is no longer generated.
    """

    path: PurePosixPath
    status: Status
    old: str | None
    new: str | None

    @property
    def versions_only(self) -> bool:
        """Whether only the versions of this tool and of SQLMesh differ."""
        return self._only_differs_in(_VERSION)

    @property
    def hashes_only(self) -> bool:
        """Whether only those versions, and the hash that SQLMesh gives a model, differ."""
        return self._only_differs_in(_HASHES)

    @property
    def upgrade(self) -> tuple[str, ...]:
        """The versions of SQLMesh in the text on disk and in the text to write, if they differ."""
        old, new = (_SQLMESH.search(text or "") for text in (self.old, self.new))
        return (old[1], new[1]) if old and new and old[1] != new[1] else ()

    def _only_differs_in(self, pattern: re.Pattern[str]) -> bool:
        if self.status is not Status.CHANGED or not (self.old and self.new):
            return False
        return pattern.sub("", self.old) == pattern.sub("", self.new)

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff from the text on disk to the text to write."""
        lines = difflib.unified_diff(
            _LINE.findall(self.old or ""),
            _LINE.findall(self.new or ""),
            fromfile=f"a/{self.path}" if self.old is not None else "/dev/null",
            tofile=f"b/{self.path}" if self.new is not None else "/dev/null",
        )
        for line in lines:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def compare(files: Sequence[File], out: Path) -> tuple[Change, ...]:
    """Compare the whole package with its folder, which need not exist.

    Returns:
        A change per file, sorted by path; files with our header that are no longer generated are
        orphaned. Only the modules of a package, `models/` and `externals/` are looked at: another
        package of ours may live in a folder beside them. A file keeps its line endings: where git
        checks out CRLF that is no difference, and what changes is written with CRLF.

    Raises:
        UsageError: a file of somebody else is in the way, or a folder of the package is a link.
    """
    _refuse_folders(files, out)
    on_disk = generated_files(out)
    generated = {file.path for file in files}
    changes = [_compare(file, out, on_disk) for file in files]
    changes += [
        Change(path, Status.ORPHANED, old, None)
        for path, old in on_disk.items()
        if path not in generated
    ]
    return tuple(sorted(changes, key=lambda change: change.path))


def _refuse_folders(files: Sequence[File], out: Path) -> None:
    """Refuse what is in the place of a folder: through a link, files would land elsewhere."""
    inside = {out / parent for file in files for parent in file.path.parents if parent.name}
    for folder in sorted({*inside, out, *out.parents}):
        is_link = folder in inside and folder.is_symlink()
        if is_link or (folder.exists() and not folder.is_dir()):
            what = "link" if is_link else "file"
            raise UsageError(f"{folder} is a {what}, and the package needs a folder", hint=_HINT)


def generated_files(out: Path) -> dict[PurePosixPath, str]:
    """Return the text of each file in a package's folder that carries our header."""
    candidates = [out / "__init__.py", out / AUDITS, out / DEFINITIONS]
    for folder in (MODELS_FOLDER, EXTERNALS_FOLDER):
        candidates += (out / folder).rglob("*.py")
    texts = {}
    for path in candidates:
        if path.is_file():
            # Without changing a line ending or losing a byte.
            text = path.read_bytes().decode("utf-8", errors="surrogateescape")
            if header.is_ours(text):
                texts[PurePosixPath(path.relative_to(out).as_posix())] = text
    return texts


def _compare(file: File, out: Path, on_disk: Mapping[PurePosixPath, str]) -> Change:
    old = on_disk.get(file.path)
    if old is None:
        old = _in_the_way(out / file.path)
    if old is None:
        return Change(file.path, Status.MISSING, None, file.text)
    # Every line ends like that in a checkout with git's `core.autocrlf`.
    crlf = old != file.text and "\r\n" in old and old.count("\r\n") == old.count("\n")
    new = file.text.replace("\n", "\r\n") if crlf else file.text
    return Change(file.path, Status.UNCHANGED if old == new else Status.CHANGED, old, new)


def _in_the_way(path: Path) -> Literal[""] | None:
    """Return None where a file can be made, and "" for an empty file, which nobody will miss."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder, and the package needs a file", hint=_HINT)
    if not path.exists() and not path.is_symlink():
        return None
    if path.exists() and not path.stat().st_size:
        return ""
    # Or a link that leads nowhere.
    raise UsageError(f"{path} was not generated by this tool, so it is not overwritten", hint=_HINT)
