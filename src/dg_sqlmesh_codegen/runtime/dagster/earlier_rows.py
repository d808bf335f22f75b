"""How many rows earlier runs have reported of intervals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import dagster as dg

from . import compat

# Each of a hundred daily runs has one.
_MOST_MATERIALIZATIONS = 100

_Range = tuple[int, int]


def known_rows(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    intervals: Iterable[_Range],
    environment: str | None = None,
) -> int | None:
    """Return the rows that runs have processed of exactly these intervals (milliseconds).

    Only runs of the environment count; None is prod.
    The latest materialization of an interval counts. None if one has no number, or has other
    intervals too: then it is not known.
    """
    left, rows = list(intervals), 0
    for record in instance.fetch_materializations(key, _MOST_MATERIALIZATIONS).records:
        reported = _intervals(compat.value_of(record, "sqlmesh/intervals"))
        overlaps = any(start < b and a < end for start, end in reported for a, b in left)
        if not overlaps or compat.value_of(record, "sqlmesh/environment") != environment:
            continue
        number = compat.value_of(record, "sqlmesh/rows_processed")
        remaining = _without(left, reported)
        if not isinstance(number, int) or remaining is None:
            return None
        left, rows = remaining, rows + number
        if not left:
            return rows
    return None


def _intervals(pairs: object) -> list[_Range]:
    return [(_ms(start), _ms(end)) for start, end in pairs] if isinstance(pairs, list) else []


def _ms(time: object) -> int:
    return round(datetime.fromisoformat(str(time)).timestamp() * 1000)


def _without(left: Iterable[_Range], reported: Iterable[_Range]) -> list[_Range] | None:
    """Return what is left without the reported intervals; None if not all of them are in it."""
    remaining = list(left)
    for start, end in reported:
        around = next(((a, b) for a, b in remaining if a <= start and end <= b), None)
        if around is None:
            return None
        remaining.remove(around)
        remaining += [(a, b) for a, b in ((around[0], start), (end, around[1])) if a < b]
    return remaining
