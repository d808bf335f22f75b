"""The line of a model in its file."""

from __future__ import annotations

import re
from pathlib import Path

# By suffix: how a model starts, and what ends the part that names it.
_STARTS = {
    ".sql": (re.compile(r"^[ \t]*MODEL\s*\(", re.IGNORECASE | re.MULTILINE), ";"),
    ".py": (re.compile(r"^[ \t]*@(\w+\.)?model\s*\(", re.MULTILINE), "\ndef "),
}


def line_of(path: Path | None, name: str) -> int | None:
    """Return the line, from 1, of `MODEL (` or `@model(`; None where there is none, as in dbt.

    Args:
        path: the model's file.
        name: the model's name within its schema. Of several models in a file, it is that of the
            first one that has the name; blueprints have it in no file.
    """
    if path is None or path.suffix not in _STARTS or not path.is_file():
        return None
    start, end = _STARTS[path.suffix]
    text = path.read_text(encoding="utf-8", errors="replace")
    places = [match.start() for match in start.finditer(text)]
    pattern = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    named = [place for place in places if pattern.search(text[place:].partition(end)[0])]
    found = [*named, *places]
    return text.count("\n", 0, found[0]) + 1 if found else None
