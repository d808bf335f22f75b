r"""Escape names and values, so that Markdown, HTML and mermaid show them as plain text.

Characters that cannot be seen (control characters, text direction, lone surrogates) are written as
`\\uXXXX`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MAX_LABEL = 60
_MAX_LISTED = 6

# What a mermaid label does not show as it is. An underscore is safe within a word, where Markdown
# does not read it as emphasis.
_SPECIAL = re.compile(r"[^\w /]|(?<!\w)_+|_+(?!\w)")


def code(text: str, most: int = 100) -> str:
    """Return a Markdown code span in one line, cut to `most` characters."""
    shown = _visible(text, most)
    if not shown:
        return "(empty)"
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def codes(texts: Sequence[str]) -> str:
    """Return code spans separated by commas, and how many more there are."""
    return listed([code(text) for text in texts[:_MAX_LISTED]], len(texts))


def listed(shown: Sequence[str], total: int) -> str:
    """Join items with commas, and say how many more there are of `total`."""
    more = f" and {total - len(shown):,} more" if total > len(shown) else ""
    return ", ".join(shown) + more


def label(text: str) -> str:
    """Return the text for a mermaid label in double quotes.

    All characters but letters, digits and the underscores between them are written as entities,
    which mermaid decodes after it has parsed the graph.
    """
    shown = _visible(text, _MAX_LABEL)
    return _SPECIAL.sub(lambda found: "".join(f"#{ord(each)};" for each in found[0]), shown)


def _visible(text: str, most: int) -> str:
    text = text[: 4 * most]  # a query may be long; spaces are still joined below
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() or each.isspace() else f"\\u{ord(each):04x}" for each in text
        )
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
