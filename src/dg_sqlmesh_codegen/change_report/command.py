"""What the command line needs for `--summary`: the right two packages, and a file for the text."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Protocol

from dg_sqlmesh_codegen.errors import UsageError

from .as_json import to_json
from .changes import Summary
from .compare import summarize
from .markdown import markdown
from .model import Package
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
        changes: what a generation found, all files of it; None where two revisions are compared.

    Returns:
        With `against` the difference from that revision to the new package, or between the two
        revisions; without it, the difference that the generation makes.

    Raises:
        UsageError: the folder is in no git repository, a revision is unknown, or there is nothing
            to compare it with.
    """
    generated = None if changes is None else list(changes)
    old, new = (None, None) if against is None else packages_of(Range.parse(against), out)
    if generated is not None:
        old = _side(generated, "old") if old is None else old
        new = _side(generated, "new") if new is None else new
    if old is None or new is None:
        raise UsageError(
            "a summary needs two packages to compare",
            hint="Name a SQLMesh project, or two git revisions with --against REV..REV.",
        )
    if against is not None and not old and not new:
        raise UsageError(
            f"there is no package in {out} on either side of {against}",
            hint="Name its folder with -o.",
        )
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
