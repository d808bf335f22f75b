"""Python values -> Python source: the one place where a value becomes code."""

from __future__ import annotations

import math
import re
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
    if isinstance(value, str):
        # A subclass may have a `repr` of its own.
        return str(value) if isinstance(value, Code) else _text(str.__str__(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_item(key)}: {_item(each)}' for key, each in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_item, value))}]"
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and math.isfinite(value):
        return float.__repr__(value)
    raise TypeError(f"{type(value).__name__} is no literal that a generated module may hold")


def _item(value: object) -> str:
    if isinstance(value, str) and not isinstance(value, Code):
        return _string(str.__str__(value))
    return literal(value)


def _text(value: str) -> str:
    # str.splitlines would also split at form feeds and Unicode separators.
    lines = re.findall(r"[^\n]*\n|[^\n]+", value)
    return f"({' '.join(map(_string, lines))})" if len(lines) > 1 else _string(value)


def _string(value: str) -> str:
    """Quote a text the way black does: with the quotes that need fewer escapes, `"` if equal."""
    # `repr` escapes backslashes and whatever does not print. Where there is one kind of quotes at
    # most, `repr` takes the other kind, and so escapes none.
    if '"' not in value:
        return f'"{repr(value)[1:-1]}"'
    quote = '"' if value.count('"') <= value.count("'") else "'"
    parts = [repr(part)[1:-1] for part in value.split(quote)]
    return quote + f"\\{quote}".join(parts) + quote
