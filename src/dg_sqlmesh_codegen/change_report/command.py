"""The option `--summary`: which two packages to compare, in which format, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from enum import Enum
from pathlib import Path

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output.compare import Change
from dg_sqlmesh_codegen.output.git import RevisionRange, python_files_at

from .compare import summarize
from .markdown import markdown
from .model import Summary


class Format(Enum):
    """The format of a summary."""

    MARKDOWN = "markdown"
    JSON = "json"


def summary_of(
    out: Path, against: str | None = None, changes: Iterable[Change] | None = None
) -> Summary:
    """Compare the packages that the command line asks for.

    Args:
        out: the package's folder.
        against: the value of `--against`: a git revision, or two of them.
        changes: all files of a generation; None if two revisions are compared.

    Returns:
        With `against`, the difference between that revision and the new package, or between the
        two revisions. Without it, the difference between the folder and the new package.

    Raises:
        UsageError: the folder is in no git repository, a revision is unknown, or there is nothing
            to compare.
    """
    revisions = None if against is None else RevisionRange.parse(against)
    old, new = python_files_at(revisions, out) if revisions else (None, None)
    if changes is not None:
        found = list(changes)
        if old is None:
            old = {each.path: each.old for each in found if each.old is not None}
        if new is None:
            new = {each.path: each.new for each in found if each.new is not None}
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


def text_of(summary: Summary, form: Format = Format.MARKDOWN) -> str:
    """Return a summary as Markdown, or as indented JSON in ASCII.

    `README.md` beside this module documents the structure of the JSON.
    """
    if form is Format.MARKDOWN:
        return markdown(summary)
    # The number rises when something is removed or changes its meaning.
    document = {"format": 1, "differs": not summary.is_empty, **asdict(summary)}
    return json.dumps(document, indent=2, default=_plain) + "\n"


def _plain(value: object) -> object:
    """Return what JSON has for an enum or a path: `json` calls it for each of them."""
    return value.value if isinstance(value, Enum) else str(value)


def save(text: str, file: Path) -> None:
    """Write a summary to a file or to a device such as /dev/stdout.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(
            f"the summary cannot be written to {file}",
            detail=error.strerror or str(error),
            hint="Name a file that can be written, as in --summary=summary.md.",
        ) from error
