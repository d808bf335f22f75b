"""Python values -> Python source: the one place where a value becomes code."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dg_sqlmesh_codegen.python_names import Code


def literal(value: object) -> str:
    """Return the source text of a literal that evaluates back to `value`, as black writes it.

    Args:
        value: str, bool, int, float, None, or a tuple, list or mapping of them; `Code` stays what
            it is.

    Returns:
        Source on one line that `ast.literal_eval` reads. Sequences become lists, and a text of
        several lines becomes one string per line in parentheses, so that a changed line is a
        changed line in a diff (within a list it stays one string).

    Raises:
        TypeError: a value of another type, which no template may contain.
    """
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return _text(str.__str__(value))  # a subclass may have a `repr` of its own
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_item(key)}: {_item(each)}' for key, each in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_item, value))}]"
    if value is None or isinstance(value, bool | int | float):
        return _plain(value)
    raise TypeError(f"{type(value).__name__} is no literal that a generated module may hold")


def _plain(value: bool | int | float | None) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"float {value} has no literal")
        return float.__repr__(value)
    return repr(value) if value is None or isinstance(value, bool) else int.__repr__(value)


def _item(value: object) -> str:
    if isinstance(value, str) and not isinstance(value, Code):
        return _string(str.__str__(value))
    return literal(value)


def _text(value: str) -> str:
    end = len(value) - 1
    if "\n" not in value or value.find("\n") == end:
        return _string(value)
    # str.splitlines would also split at form feeds and Unicode separators.
    *lines, last = value.split("\n")
    pieces = [_string(f"{line}\n") for line in lines]
    if last:
        pieces.append(_string(last))
    return f"({' '.join(pieces)})"


def _string(value: str) -> str:
    """Quote a text the way black does: with the quotes that need fewer escapes, `"` if equal."""
    # `repr` escapes backslashes and whatever does not print. Where there is one kind of quotes at
    # most, `repr` takes the other kind, and so escapes none.
    if '"' not in value:
        return f'"{repr(value)[1:-1]}"'
    quote = '"' if value.count('"') <= value.count("'") else "'"
    parts = [repr(part)[1:-1] for part in value.split(quote)]
    return quote + f"\\{quote}".join(parts) + quote
