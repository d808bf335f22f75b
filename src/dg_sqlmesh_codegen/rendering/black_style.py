"""Lines that are too wide -> the lines that black would write.

Our templates are written in black's own style, and so are literals. What is left open depends on
the values: what does not fit on a line. Here are black's rules (its right-hand split) for the
shapes that our templates print: keyword or dict value, list, call, text of several lines, import.
Whatever has another shape is left to black itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 88
_INDENT = 4
_IMPORT = re.compile(r"^(from [\w.]+ import) (\w+ as \w+)$")
# Strings first: brackets and commas in them are none.
_PART = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[()\[\]{},]|[^()\[\]{},"']+""")
_OPENING = "([{"
_CLOSING = ")]}"
_BRACKETS = _OPENING + _CLOSING


class UnknownShapeError(Exception):
    """A line that only black knows how to split."""


@dataclass(frozen=True, slots=True)
class _Bracketed:
    """A line around its last pair of brackets: `key=[`, the items between, and `],`."""

    head: str
    items: tuple[str, ...]
    separator: str
    tail: str


def fitted(text: str) -> str:
    """Return a module in black's style with its too wide lines split as black splits them.

    Raises:
        UnknownShapeError: black has to be asked.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        # No character is wider than two columns.
        if len(line) <= WIDTH // 2 or (len(line) <= WIDTH and line.isascii()) or line[0] == "#":
            lines.append(line)
        else:
            content = line.lstrip(" ")
            lines += _lines(content, len(line) - len(content))
    return "\n".join(lines)


def _fits(text: str, indent: int) -> bool:
    if text.isascii():
        return indent + len(text) <= WIDTH
    # Black's own tables of wide characters, which change with its versions.
    from black.strings import str_width  # noqa: PLC0415 - only where there are such characters

    return indent + str_width(text) <= WIDTH


def _lines(text: str, indent: int) -> Iterator[str]:
    """Yield the lines of an element: itself, or what stands in its last brackets further in."""
    margin = " " * indent
    bracketed = None if _fits(text, indent) else _bracketed(_IMPORT.sub(r"\1 (\2,)", text), indent)
    if bracketed is None:
        yield f"{margin}{text}"
    else:
        yield f"{margin}{bracketed.head}"
        yield from _body(bracketed, indent + _INDENT)
        yield f"{margin}{bracketed.tail}"


def _body(bracketed: _Bracketed, indent: int) -> Iterator[str]:
    items = bracketed.items
    if len(items) == 1:
        yield from _lines(items[0], indent)
        return
    margin = " " * indent
    together = f"{bracketed.separator} ".join(items)
    if bracketed.head[-1] not in "[{" and _fits(together, indent):
        yield f"{margin}{together}"
    elif not bracketed.separator:
        yield from (f"{margin}{item}" for item in items)
    else:
        for item in items:
            yield from _lines(f"{item}{bracketed.separator}", indent)


def _bracketed(text: str, indent: int) -> _Bracketed | None:
    """Find the last brackets of a line and what they hold; None where there are none."""
    parts = _PART.findall(text)
    if "".join(parts) != text:  # a quote that ends no string
        raise UnknownShapeError(text)
    if not any(part in _BRACKETS for part in parts):
        return None
    end = len(parts) - (2 if parts[-1] == "," else 1)
    start, depth = end + 1, 0
    while start > 0 and (start > end or depth > 0):  # back to the bracket that `end` closes
        start -= 1
        depth += (parts[start] in _CLOSING) - (parts[start] in _OPENING)
    head = "".join(parts[: start + 1])
    items, separator = _items(parts[start + 1 : end])
    if depth or not items or not (_fits(head, indent) or head.startswith("from ")):
        raise UnknownShapeError(text)
    return _Bracketed(head, items, separator, "".join(parts[end:]))


def _items(parts: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Split what stands in brackets: strings side by side, or what commas separate."""
    if all(part[0] in "\"'" or part == " " for part in parts):
        return tuple(part for part in parts if part != " "), ""
    items, depth = [""], 0
    for part in parts:
        depth += (part in _OPENING) - (part in _CLOSING)
        if part == "," and not depth:
            items.append("")
        else:
            items[-1] += part
    if items[1:] == [""]:  # a tuple of one
        return (f"{items[0]},",), ""
    return tuple(item.lstrip(" ") for item in items), ","
