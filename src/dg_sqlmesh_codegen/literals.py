"""Python values -> Python source: the one place where a value becomes code."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .naming import Code


def literal(value: object) -> str:
    """Return the source text of a literal that evaluates back to `value`.

    Args:
        value: str, bool, int, float, None, or a tuple, list or mapping of them; `Code` stays what
            it is.

    Returns:
        Source that `ast.literal_eval` reads. Sequences become lists, and a text of several lines
        becomes one string per line, so that a changed line is a changed line in a diff.

    Raises:
        TypeError: a value of another type, which no template may contain.
    """
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return _text(str.__str__(value))  # a subclass may have a `repr` of its own
    if isinstance(value, Mapping | tuple | list):
        return _collection(value)
    if value is None or isinstance(value, bool | int | float):
        return _plain(value)
    raise TypeError(f"{type(value).__name__} is no literal that a generated module may hold")


def _plain(value: bool | int | float | None) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"float {value} has no literal")
        return float.__repr__(value)
    return repr(value) if value is None or isinstance(value, bool) else int.__repr__(value)


def _collection(value: Mapping[object, object] | tuple[object, ...] | list[object]) -> str:
    if isinstance(value, Mapping):
        items = (f"{literal(key)}: {literal(each)}" for key, each in value.items())
        return f"{{{', '.join(items)}}}"
    return f"[{', '.join(literal(item) for item in value)}]"


def _text(value: str) -> str:
    # str.splitlines would also split at form feeds and Unicode separators.
    lines = value.split("\n")
    pieces = [f"{line}\n" for line in lines[:-1]] + [lines[-1]]
    # `repr` escapes quotes, backslashes and whatever does not print.
    quoted = [repr(piece) for piece in pieces if piece]
    return quoted[0] if len(quoted) == 1 else f"({' '.join(quoted)})" if quoted else '""'
