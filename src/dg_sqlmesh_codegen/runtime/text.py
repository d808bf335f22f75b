"""Texts about models, short enough to read for any number of models."""

from __future__ import annotations

import re
from collections.abc import Sequence, Sized
from datetime import UTC, datetime

_MAX_NAMES = 20
_MAX_CHARACTERS = 2000
_DAY_MS = 24 * 60 * 60 * 1000
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def shortened(names: Sequence[str], separator: str = ", ", most: int = _MAX_NAMES) -> str:
    """Join the first `most` names, and add how many more there are."""
    if len(names) <= most:
        return separator.join(names)
    return f"{separator.join(names[:most])}{separator}and {len(names) - most} more"


def clipped(text: str, most: int = _MAX_CHARACTERS) -> str:
    """Return the first `most` characters, and add how many more there are."""
    if len(text) <= most:
        return text
    return f"{text[:most]} ... ({len(text) - most} more characters, in the log)"


def counted(models: Sized) -> str:
    """Return `1 model`, `2 models`."""
    return "1 model" if len(models) == 1 else f"{len(models)} models"


def time_range(start_ms: int, end_ms: int) -> str:
    """Return an interval with its last day, as SQLMesh shows it, or with times."""
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (start_ms, end_ms - 1))
    is_of_days = not start_ms % _DAY_MS and not end_ms % _DAY_MS
    shown = ("{:%Y-%m-%d}" if is_of_days else "{:%Y-%m-%d %H:%M:%S}").format
    return shown(start) if shown(start) == shown(end) else f"{shown(start)}, {shown(end)}"


def display_name(fqn: str) -> str:
    """Return a model's name without SQLMesh's quotes: `a.b` for `"a"."b"`.

    A doubled quote inside a quoted part stands for one quote.
    """
    return _QUOTED.sub(lambda part: part[1].replace('""', '"'), fqn)


def split_catalog(fqn: str) -> tuple[str, str]:
    """Return a model's catalog and the rest of its fqn; the catalog is "" if it has none."""
    match [part[0] for part in _QUOTED.finditer(fqn)]:
        case [catalog, schema, name]:
            return catalog, f"{schema}.{name}"
        case _:
            return "", fqn
