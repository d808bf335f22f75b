"""The fewest boxes that fill a set: minutes times hours times days, each a set of bits.

Nothing here knows of crons. A box is a product of three bit sets; given some boxes and the sets of
days that can be written down, find the smallest number of boxes with the same union.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

# Beyond these the search settles for a small cover instead of the smallest.
_MAX_CANDIDATES = 400
_MAX_STEPS = 20_000


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A product of minutes, hours and days, each as a bit set."""

    minutes: int
    hours: int
    days: int


class _Cells:
    """The space cut along every given box, so that a box is a set of cells: one bit for each."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self.axes = [
            _classes([box.minutes for box in boxes]),
            _classes([box.hours for box in boxes]),
            _classes([box.days for box in boxes]),
        ]
        self.cells = list(product(*self.axes))

    def of(self, box: Box) -> int:
        """Return the cells that lie in the box, as a bit set."""
        return sum(
            1 << index
            for index, (minutes, hours, days) in enumerate(self.cells)
            if minutes & box.minutes and hours & box.hours and days & box.days
        )


def smallest_cover(given: Sequence[Box], day_sets: Sequence[int]) -> tuple[Box, ...]:
    """Return the fewest boxes whose union is that of the given ones.

    Args:
        given: the boxes to cover; of equally small covers the one with most of these is taken.
        day_sets: the sets of days that a box may have, the given boxes' own among them.

    Returns:
        Boxes without order. Where the search would take too long, a small cover in which no box
        is superfluous.
    """
    cells = _Cells(given)
    mine = {box: cells.of(box) for box in given}
    wanted = _union(mine.values())
    candidates = {box: cells.of(box) for box in _maximal_boxes(cells, wanted, day_sets)}
    candidates = _without_covered({**candidates, **mine})
    chosen = _search(wanted, candidates)
    return tuple(_as_given(chosen, {**candidates, **mine}, mine, wanted))


def _classes(sets: Iterable[int]) -> list[int]:
    """Split an axis into parts that none of the sets tells apart, leaving out what is in none."""
    parts: list[int] = []
    for some in sets:
        rest = some
        split: list[int] = []
        for part in parts:
            split += [piece for piece in (part & some, part & ~some) if piece]
            rest &= ~part
        parts = [*split, rest] if rest else split
    return parts


def _maximal_boxes(cells: _Cells, wanted: int, day_sets: Sequence[int]) -> Iterable[Box]:
    """Yield, for each set of days, the boxes inside the wanted set that cannot grow."""
    filled = {cell for index, cell in enumerate(cells.cells) if wanted >> index & 1}
    minutes, hours, days = cells.axes
    for day_set in day_sets:
        parts = [part for part in days if part & day_set]
        rows = {
            minute: _union(
                hour for hour in hours if all((minute, hour, part) in filled for part in parts)
            )
            for minute in minutes
        }
        for some_hours in _intersections(rows.values()):
            some_minutes = _union(minute for minute in minutes if not some_hours & ~rows[minute])
            yield Box(some_minutes, some_hours, day_set)


def _intersections(sets: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for some in sets:
        found |= {some} | {some & other for other in found}
        if len(found) > _MAX_CANDIDATES:
            break
    return found - {0}


def _without_covered(candidates: dict[Box, int]) -> dict[Box, int]:
    kept: dict[Box, int] = {}
    for box in sorted(candidates, key=lambda box: (-candidates[box].bit_count(), box)):
        cells = candidates[box]
        if not any(cells | other == other for other in kept.values()):
            kept[box] = cells
    return kept


def _search(wanted: int, candidates: dict[Box, int]) -> list[Box]:
    best = _greedy(wanted, candidates)
    steps = 0

    def extend(chosen: list[Box], missing: int) -> None:
        nonlocal best, steps
        steps += 1
        if not missing:
            best = list(chosen)
        elif len(chosen) + 1 < len(best) and steps < _MAX_STEPS:
            for box in _rarest(missing, candidates):
                extend([*chosen, box], missing & ~candidates[box])

    extend([], wanted)
    return best


def _rarest(missing: int, candidates: dict[Box, int]) -> list[Box]:
    """Return the boxes over the missing cell that the fewest boxes cover, largest first."""
    options: list[Box] | None = None
    rest = missing
    while rest:
        cell = rest & -rest
        rest ^= cell
        covering = [box for box, cells in candidates.items() if cells & cell]
        if options is None or len(covering) < len(options):
            options = covering
    return sorted(options or [], key=lambda box: (-(candidates[box] & missing).bit_count(), box))


def _greedy(wanted: int, candidates: dict[Box, int]) -> list[Box]:
    chosen: list[Box] = []
    missing = wanted
    while missing:
        box = max(candidates, key=lambda box: ((candidates[box] & missing).bit_count(), box))
        chosen.append(box)
        missing &= ~candidates[box]
    for box in list(chosen):
        others = _union(candidates[other] for other in chosen if other != box)
        if not wanted & ~others:
            chosen.remove(box)
    return chosen


def _as_given(
    chosen: Sequence[Box], cells: dict[Box, int], given: dict[Box, int], wanted: int
) -> list[Box]:
    """Put a given box in the place of a larger one wherever nothing is lost by it."""
    result = list(chosen)
    for index, box in enumerate(result):
        others = _union(cells[other] for other in result if other != box)
        for mine in sorted(given, key=lambda mine: (-given[mine].bit_count(), mine)):
            if not given[mine] & ~cells[box] and not wanted & ~(others | given[mine]):
                result[index] = mine
                break
    return result


def _union(sets: Iterable[int]) -> int:
    union = 0
    for some in sets:
        union |= some
    return union
