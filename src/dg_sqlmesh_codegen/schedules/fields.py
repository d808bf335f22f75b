"""The fields of a cron: what croniter expands them to -> text that every croniter reads alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby

from croniter import CroniterBadDateError, croniter

# The calendar repeats every 28 years within a century.
_FIRST_DAY = datetime(2000, 1, 1)
CALENDAR_DAYS = 28 * 365 + 7
EVERY_DAY = "* * *"

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


def plain_days(text: str, fields: Sequence[Values], nth: Nth) -> str:
    """Return the plain text of day, month and weekday.

    Args:
        text: the cron.
        fields: what croniter expands it to.
        nth: its n-th weekdays.
    """
    day, month = (_plain(fields[index], index) for index in (_DAY, _MONTH))
    weekday = _plain_nth(nth) if nth else _plain(fields[_WEEKDAY], _WEEKDAY)
    if "*" not in fields[_DAY] and "*" not in fields[_WEEKDAY]:
        # Where both are given, croniters differ on a week that is spelled out, on a day that no
        # month has, and on n-th weekdays. One field may say it all.
        if not nth and not days(f"{day} {month} *"):
            return f"* {month} {weekday}"  # croniter 6.1 finds no tick in it, as Dagster's
        wanted = days(" ".join(text.split()[_DAY:]))
        for shorter in (f"* {month} *", f"{day} {month} *", f"* {month} {weekday}"):
            if days(shorter) == wanted:
                return shorter
    return f"{day} {month} {weekday}"


@cache
def days(text: str) -> frozenset[int]:
    """Return the days of a long calendar that day, month and weekday name, numbered from 0."""
    if text == EVERY_DAY:
        return frozenset(range(CALENDAR_DAYS))
    ticks = croniter(f"0 0 {text}", _FIRST_DAY - timedelta(days=1))
    found: set[int] = set()
    with suppress(CroniterBadDateError):  # none in the next 50 years
        while (day := (ticks.get_next(datetime) - _FIRST_DAY).days) < CALENDAR_DAYS:
            found.add(day)
    return frozenset(found)


def _plain(values: Values, index: int) -> str:
    found = numbers(values, index)
    return ",".join([*([plain(found, index)] if found else []), *(["L"] if "l" in values else [])])


def _plain_nth(nth: Nth) -> str:
    pairs = [(day, number) for day in sorted(nth) for number in sorted(nth[day], key=str)]
    return ",".join(f"L{day}" if number == "l" else f"{day}#{number}" for day, number in pairs)
