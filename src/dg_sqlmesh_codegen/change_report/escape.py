"""Names and values -> text that neither Markdown, HTML nor mermaid takes for its own.

Whatever stands in a model's name or description is shown as it is, within code spans and quoted
labels; what cannot be seen (control characters, text direction, lone surrogates) is spelled out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_CODE = 100
_MAX_LABEL = 60
_MAX_LISTED = 6

_BACKTICKS = re.compile(r"`+")
# Letters, digits and what table names are made of. An underscore is safe within a word, where
# Markdown takes none for emphasis.
_PLAIN = re.compile(r"[^\W_]+(?:_+[^\W_]+)*|[ /]")


def code(text: str, most: int = MAX_CODE) -> str:
    """Return a Markdown code span in one line, cut to `most` characters."""
    shown = _visible(text, most)
    if not shown:
        return "(empty)"
    longest = max((len(run) for run in _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def codes(texts: Sequence[str], most: int = _MAX_LISTED) -> str:
    """Return code spans with commas between them, and how many more there are."""
    return listed([code(text) for text in texts[:most]], len(texts))


def listed(shown: Iterable[str], total: int) -> str:
    """Join items with commas; `total` is how many there would be."""
    items = list(shown)
    more = [f"{total - len(items):,} more"] if total > len(items) else []
    return ", ".join(items) + (" and " if items and more else "") + "".join(more)


def label(text: str) -> str:
    """Return the text for a mermaid label between double quotes.

    Everything but letters, digits and the underscores between them is written as an entity, which
    mermaid turns back when it has parsed the graph.
    """
    shown = _visible(text, _MAX_LABEL)
    plain = {index for match in _PLAIN.finditer(shown) for index in range(*match.span())}
    return "".join(
        character if index in plain else f"#{ord(character)};"
        for index, character in enumerate(shown)
    )


def _visible(text: str, most: int) -> str:
    # Cut first: a query may be long, and there may be thousands. White space will shrink.
    text = text[: 4 * most]
    if not text.isprintable():
        text = "".join(map(_shown, text))
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    # Other (control, format, surrogate, private use, unassigned)
    if unicodedata.category(character).startswith("C"):
        return f"\\u{ord(character):04x}"
    return character
