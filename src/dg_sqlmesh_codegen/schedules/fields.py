"""The fields of a cron: what croniter expands them to -> text that every croniter reads alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby

# The calendar repeats every 28 years within a century: every month of every kind of year, each
# with every weekday it can start on. One leap year is not enough: in 2028 "January 1st" and
# "the first Saturday of January" are the same day.
_FIRST_DAY = datetime(2000, 1, 1)
_DAYS = 28 * 365 + 7

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_DAY, _MONTH, _WEEKDAY = 2, 3, 4
# From this many values on a range or a step is shorter than a list.
_RUN = 3

Values = Sequence[int | str]  # of one field, as croniter expands it: numbers, `*` and `l` (last)
Nth = Mapping[int, Iterable[int | str]]  # weekday -> which ones of a month: `5#2`, `L5`


def numbers(values: Values, index: int) -> list[int]:
    """Return the numbers of the field `index`."""
    low, high = FIELDS[index]
    if "*" in values:
        return list(range(low, high + 1))
    return sorted({int(value) for value in values if value != "l"})


def plain(numbers: Sequence[int], index: int) -> str:
    """Write a field the short way: `*`, `*/15`, or the values with runs of three as ranges."""
    low, high = FIELDS[index]
    if len(numbers) == high - low + 1:
        return "*"
    step = numbers[1] - numbers[0] if len(numbers) >= _RUN else 0
    if step > 1 and list(numbers) == list(range(low, high + 1, step)):
        return f"*/{step}"
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda at: at[1] - at[0])]
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) >= _RUN else ",".join(map(str, run)) for run in runs
    )


@dataclass(frozen=True, slots=True)
class _Field:
    """Day, month or weekday: plain text, and days; bit n is the n-th day of a long calendar."""

    text: str
    days: int


_ANY = _Field("*", (1 << _DAYS) - 1)


def plain_days(fields: Sequence[Values], nth: Nth) -> tuple[str, int]:
    """Return the plainest text of day, month and weekday, and the days that they name.

    Args:
        fields: all fields of a cron.
        nth: its n-th weekdays.
    """
    day, month, weekday = (_field(fields[index], index, nth) for index in (_DAY, _MONTH, _WEEKDAY))
    # A week that is spelled out is no `*`: with a day of the month it means every day.
    either = "*" not in fields[_DAY] and "*" not in fields[_WEEKDAY]
    days = _matching(day, month, weekday, either)
    # One field may say it all.
    shorter = ((_ANY, _ANY, _ANY), (_ANY, month, _ANY), (day, month, _ANY), (_ANY, month, weekday))
    for found in (*shorter, (day, month, weekday)):
        texts = [field.text for field in found]
        if _matching(*found, either="*" not in (texts[0], texts[2])) == days:
            break
    return " ".join(texts), days


def longest_pause(days: int) -> int:
    """Return the most days from one of the days of `plain_days` to the next."""
    text = f"{days:0{_DAYS}b}" * 2  # the calendar repeats
    return max(map(len, text.strip("0").split("1"))) + 1


def _field(values: Values, index: int, nth: Nth) -> _Field:
    if nth and index == _WEEKDAY:
        pairs = [(day, number) for day in sorted(nth) for number in sorted(nth[day], key=str)]
        names = [f"L{day}" if str(number) == "l" else f"{day}#{number}" for day, number in pairs]
        texts = names
    else:
        found = numbers(values, index)
        last = ["L"] if "l" in values else []
        texts = [*([plain(found, index)] if found else []), *last]
        names = [*map(str, found), *last]
    days = 0
    for name in names:
        days |= _calendar()[index, name]
    return _Field(",".join(texts), days)


def _matching(day: _Field, month: _Field, weekday: _Field, either: bool) -> int:
    """Return the days of three fields; `either`: day and weekday are both given, one is enough."""
    both = month.days & day.days & weekday.days
    if either and not {"#", "L"} & {*weekday.text}:
        return month.days & (day.days | weekday.days)
    # croniter: of a day and an n-th weekday the latter counts, if they are ever the same day.
    return month.days & weekday.days if either and both else both


@cache
def _calendar() -> Mapping[tuple[int, str], int]:
    """Return the days of each name in a field: `31`, `L`, `5`, `5#1`, `L5`."""
    days: dict[tuple[int, str], int] = defaultdict(int)
    week = timedelta(days=7)
    for offset in range(_DAYS):
        day = _FIRST_DAY + timedelta(days=offset)
        weekday = day.isoweekday() % 7
        keys = [(_DAY, f"{day.day}"), (_MONTH, f"{day.month}"), (_WEEKDAY, f"{weekday}")]
        keys.append((_WEEKDAY, f"{weekday}#{(day.day + 6) // 7}"))
        keys += [(_DAY, "L")] if (day + timedelta(days=1)).day == 1 else []
        keys += [(_WEEKDAY, f"L{weekday}")] if (day + week).month != day.month else []
        for key in keys:
            days[key] |= 1 << offset
    return days
