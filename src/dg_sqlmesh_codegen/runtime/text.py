"""Texts that stay readable however many models they are about."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMES = 20
_MOST_CHARACTERS = 2000


def shortened(names: Sequence[str], separator: str = ", ", most: int = _MOST_NAMES) -> str:
    """Join names; of many, the first ones and how many more there are."""
    if len(names) <= most:
        return separator.join(names)
    return f"{separator.join(names[:most])}{separator}and {len(names) - most} more"


def clipped(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Return the text, or its beginning and how much of it is left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]} ... ({len(text) - most} more characters, in the log)"


def counted(models: Sequence[object]) -> str:
    """Return `1 model`, `2 models`."""
    return "1 model" if len(models) == 1 else f"{len(models)} models"


def plain(fqn: str) -> str:
    """Return a model's name without SQLMesh's quotes."""
    return fqn.replace('"', "")
