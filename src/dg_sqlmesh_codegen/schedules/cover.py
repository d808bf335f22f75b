"""The fewest boxes that fill a set: minutes times hours times days, each a set of bits.

Nothing here knows of crons. A box is a product of three bit sets; given some boxes and the sets of
days that can be written down, find the smallest number of boxes with the same union.

What there is to do grows with the number of boxes to choose from, and with that of the cells into
which the given boxes cut the space. Both are bounded: hundreds of boxes that have nothing in common
are covered by few, not by the fewest.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

# Beyond these the search settles for a small cover instead of the smallest.
_MAX_CANDIDATES = 400  # of one set of days
_MAX_ALL_CANDIDATES = 3_000
_MAX_BITS = 30_000_000  # of all candidates' cells together
_MAX_SEARCHED = 2_000_000  # candidates times cells
_MAX_DEPTH = 100  # boxes in a cover
_MAX_STEPS = 20_000
_MAX_WORK = 10_000_000  # steps times what one may look at: each candidate and each cell


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A product of minutes, hours and days, each as a bit set."""

    minutes: int
    hours: int
    days: int


class _Axis:
    """The parts of an axis that no given box tells apart."""

    def __init__(self, sets: Iterable[int]) -> None:
        self.parts = _classes(sets)
        self._known: dict[int, int] = {}

    def of(self, some: int) -> int:
        """Return which parts lie in the set, as a bit set of their numbers."""
        found = self._known.get(some)
        if found is None:
            found = sum(1 << number for number, part in enumerate(self.parts) if part & some)
            self._known[some] = found
        return found


class _Cells:
    """The space cut along every given box, so that a box is a set of cells: one bit for each."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self.minutes = _Axis(box.minutes for box in boxes)
        self.hours = _Axis(box.hours for box in boxes)
        self.days = _Axis(box.days for box in boxes)
        self._hour = len(self.days.parts)  # the bits of an hour, one for each part of the days
        self._minute = self._hour * len(self.hours.parts)
        self.number = self._minute * len(self.minutes.parts)

    def of(self, box: Box) -> int:
        """Return the cells that lie in the box, as a bit set."""
        hour = self.days.of(box.days)
        minute = sum(hour << self._hour * number for number in _bits(self.hours.of(box.hours)))
        return sum(
            minute << self._minute * number for number in _bits(self.minutes.of(box.minutes))
        )

    def days_in(self, cells: int) -> list[list[int]]:
        """Return, minute by minute and hour by hour, the parts of the days that lie in the set."""
        only = (1 << self._hour) - 1
        return [
            [
                cells >> self._minute * minute + self._hour * hour & only
                for hour in range(len(self.hours.parts))
            ]
            for minute in range(len(self.minutes.parts))
        ]


def smallest_cover(given: Sequence[Box], day_sets: Collection[int]) -> tuple[Box, ...]:
    """Return the fewest boxes whose union is that of the given ones.

    Args:
        given: the boxes to cover; of equally small covers the one with most of these is taken.
        day_sets: the sets of days that a box may have, the given boxes' own among them.

    Returns:
        Boxes without order, whose union is that of the given ones whatever their number. Where the
        search would take too long (from about a hundred boxes on that have little in common), a
        small cover in which no box is superfluous, and not always the smallest.
    """
    if not given:
        return ()
    cells = _Cells(given)
    mine = {box: cells.of(box) for box in given}
    wanted = _union(mine.values())
    candidates = {box: cells.of(box) for box in _maximal_boxes(cells, wanted, day_sets)}
    candidates = _without_covered({**candidates, **mine})
    chosen = _search(wanted, candidates, cells.number)
    return tuple(_as_given(chosen, {**candidates, **mine}, mine, wanted))


def _classes(sets: Iterable[int]) -> list[int]:
    """Split an axis into parts that none of the sets tells apart, leaving out what is in none."""
    parts: list[int] = []
    for some in dict.fromkeys(sets):
        rest = some
        split: list[int] = []
        for part in parts:
            split += [piece for piece in (part & some, part & ~some) if piece]
            rest &= ~part
        parts = [*split, rest] if rest else split
    return parts


def _bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _maximal_boxes(cells: _Cells, wanted: int, day_sets: Collection[int]) -> Iterable[Box]:
    """Yield, for each set of days, the boxes inside the wanted set that cannot grow."""
    filled = cells.days_in(wanted)
    total = min(_MAX_ALL_CANDIDATES, _MAX_BITS // cells.number)
    most = min(_MAX_CANDIDATES, total // len(day_sets))
    for day_set in day_sets:
        parts = cells.days.of(day_set)
        rows = [
            _union(
                hour
                for hour, days in zip(cells.hours.parts, hours, strict=True)
                if not parts & ~days
            )
            for hours in filled
        ]
        for some_hours in _intersections(dict.fromkeys(rows), most):
            some_minutes = _union(
                minute
                for minute, row in zip(cells.minutes.parts, rows, strict=True)
                if not some_hours & ~row
            )
            yield Box(some_minutes, some_hours, day_set)


def _intersections(sets: Iterable[int], most: int) -> list[int]:
    """Return the sets and what they have in common, each once and not many more than `most`."""
    found: dict[int, None] = {}
    for some in sets:
        if len(found) > most:
            break
        found |= {some: None} | {some & other: None for other in found}
    return [some for some in found if some]


def _without_covered(candidates: dict[Box, int]) -> dict[Box, int]:
    kept: dict[Box, int] = {}
    for box in sorted(candidates, key=lambda box: (-candidates[box].bit_count(), box)):
        cells = candidates[box]
        if not any(cells | other == other for other in kept.values()):
            kept[box] = cells
    return kept


def _search(wanted: int, candidates: dict[Box, int], cells: int) -> list[Box]:
    best = _greedy(wanted, candidates)
    if len(candidates) * cells > _MAX_SEARCHED or len(best) > _MAX_DEPTH:
        return best
    options = _options(wanted, candidates)
    most, steps = min(_MAX_STEPS, _MAX_WORK // (len(candidates) + cells)), 0

    def extend(chosen: list[Box], missing: int) -> None:
        nonlocal best, steps
        steps += 1
        if not missing:
            best = list(chosen)
        elif len(chosen) + 1 < len(best) and steps < most:
            rarest = next(boxes for cell, boxes in options if missing & cell)
            # The largest first.
            gains = {box: (candidates[box] & missing).bit_count() for box in rarest}
            for box in sorted(gains, key=lambda box: (-gains[box], box)):
                extend([*chosen, box], missing & ~candidates[box])

    extend([], wanted)
    return best


def _options(wanted: int, candidates: dict[Box, int]) -> list[tuple[int, list[Box]]]:
    """Return each cell with the boxes that cover it, the cells that the fewest cover first."""
    covering: dict[int, list[Box]] = {number: [] for number in _bits(wanted)}
    for box, cells in candidates.items():
        for number in _bits(cells):
            covering[number].append(box)
    ordered = sorted(covering.items(), key=lambda item: len(item[1]))
    return [(1 << number, boxes) for number, boxes in ordered]


def _greedy(wanted: int, candidates: dict[Box, int]) -> list[Box]:
    """Take the box that covers most of what is missing, again and again; no one superfluous."""
    ordered = sorted(candidates, reverse=True)
    # What a box covered of more is no less than what it covers of the rest: few are counted again.
    waiting = [(-candidates[box].bit_count(), rank) for rank, box in enumerate(ordered)]
    heapq.heapify(waiting)
    chosen: list[Box] = []
    missing = wanted
    while missing:
        _, rank = heapq.heappop(waiting)
        cells = candidates[ordered[rank]]
        now = (-(cells & missing).bit_count(), rank)
        if waiting and now > waiting[0]:
            heapq.heappush(waiting, now)
        else:
            chosen.append(ordered[rank])
            missing &= ~cells
    return _needed(wanted, chosen, candidates)


def _needed(wanted: int, chosen: Sequence[Box], cells: dict[Box, int]) -> list[Box]:
    kept: list[Box] = []
    before = 0
    for box, after in zip(chosen, _after(chosen, cells), strict=True):
        if wanted & ~(before | after):
            kept.append(box)
            before |= cells[box]
    return kept


def _as_given(
    chosen: Sequence[Box], cells: dict[Box, int], given: dict[Box, int], wanted: int
) -> list[Box]:
    """Put a given box in the place of a larger one wherever nothing is lost by it."""
    largest = sorted(given, key=lambda mine: (-given[mine].bit_count(), mine))
    result: list[Box] = []
    before = 0
    for box, after in zip(chosen, _after(chosen, cells), strict=True):
        outside, needed = ~cells[box], wanted & ~(before | after)
        within = (mine for mine in largest if not given[mine] & outside)
        result.append(next((mine for mine in within if not needed & ~given[mine]), box))
        before |= cells[result[-1]]
    return result


def _after(chosen: Sequence[Box], cells: dict[Box, int]) -> list[int]:
    """Return for each box the union of those behind it."""
    backwards = accumulate((cells[box] for box in chosen[:0:-1]), int.__or__, initial=0)
    return list(backwards)[::-1]


def _union(sets: Iterable[int]) -> int:
    union = 0
    for some in sets:
        union |= some
    return union
