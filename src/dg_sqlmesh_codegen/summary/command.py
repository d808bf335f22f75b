"""What the command line needs for `--summary`: the right two packages, and a file for the text."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Protocol

from ..errors import UsageError
from ..files import MODELS_FOLDER
from .as_json import to_json
from .changes import Summary
from .compare import summarize
from .markdown import markdown
from .reader import DEFINITIONS
from .records import Package
from .revisions import Range, packages_of


class Format(Enum):
    """How a summary is written."""

    MARKDOWN = "markdown"
    JSON = "json"


class FileChange(Protocol):
    """A file before and after a generation: `write.Change` is one."""

    @property
    def path(self) -> PurePosixPath:
        """Relative to the package's folder."""

    @property
    def old(self) -> str | None:
        """The text on disk, None where there is no such file."""

    @property
    def new(self) -> str | None:
        """The text that should be there, None for a file that is no longer generated."""


def summary_of(
    out: Path, against: str | None = None, changes: Iterable[FileChange] | None = None
) -> Summary:
    """Compare what the command line asks for.

    Args:
        out: the package's folder.
        against: the text of `--against`: a git revision, or two of them.
        changes: what a generation found, all files of it, if there was one; else the new package
            is the one in the folder.

    Returns:
        With `against` the difference from that revision to the new package, or between the two
        revisions; without it, the difference that the generation makes.

    Raises:
        UsageError: the folder is in no git repository, a revision is unknown, or there is nothing
            to compare with.
    """
    generated = None if changes is None else list(changes)
    if against is None:
        if generated is None:
            raise UsageError(
                "a summary needs two packages to compare",
                hint="Name a SQLMesh project, or a git revision with --against.",
            )
        return summarize(_side(generated, "old"), _side(generated, "new"))
    old, new = packages_of(Range.parse(against), out)
    if new is None:
        new = package_on_disk(out) if generated is None else _side(generated, "new")
    return summarize(old, new)


def needs_generation(against: str | None) -> bool:
    """Whether `--against` leaves open what the new package is.

    Raises:
        UsageError: the text names no revision.
    """
    return against is None or Range.parse(against).new is None


def _side(changes: Iterable[FileChange], side: str) -> Package:
    texts = ((each.path, each.old if side == "old" else each.new) for each in changes)
    return {path: text for path, text in texts if text is not None}


def package_on_disk(folder: Path) -> Package:
    """Return the Python files of a package's folder; nothing where there is no such folder.

    Raises:
        UsageError: a file cannot be read.
    """
    paths = [folder / "__init__.py", folder / DEFINITIONS]
    paths += sorted((folder / MODELS_FOLDER).rglob("*.py"))
    try:
        return {
            PurePosixPath(path.relative_to(folder).as_posix()): _read(path)
            for path in paths
            if path.is_file()
        }
    except OSError as error:
        raise UsageError(
            f"the package in {folder} cannot be read",
            detail=f"{error.strerror}: {error.filename}",
            hint="Mend its permissions.",
        ) from error


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="surrogateescape")


def text_of(summary: Summary, form: Format = Format.MARKDOWN) -> str:
    """Return a summary as text in that format."""
    return to_json(summary) if form is Format.JSON else markdown(summary)


def save(text: str, file: Path) -> None:
    """Write a summary to a file; a device such as /dev/stdout will do.

    Raises:
        UsageError: it cannot be written.
    """
    if file.is_dir():
        raise UsageError(
            f"the summary cannot be written to {file}, which is a folder",
            hint="Name a file, as in --summary=summary.md.",
        )
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(
            f"the summary cannot be written to {file}",
            detail=error.strerror or str(error),
            hint="Name a file in a folder that exists and can be written.",
        ) from error
