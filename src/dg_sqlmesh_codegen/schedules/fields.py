"""The fields of a cron, spelled plainly: numbers -> text, text -> the days it means.

croniter reads them; what is written here is what every croniter reads alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, lru_cache

from croniter import croniter

# The calendar repeats every 28 years within a century: every month of every kind of year, each
# with every weekday it can start on. One leap year is not enough: in 2028 "January 1st" and
# "the first Saturday of January" are the same day.
_FIRST_DAY = datetime(2000, 1, 1)
_DAYS = 28 * 365 + 7
_EVERY_DAY = (1 << _DAYS) - 1

FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MINUTE, HOUR, DAY, MONTH, WEEKDAY = range(5)
ANY_DAY = "* * *"
# From this many values on a range or a step is shorter than a list.
_RUN = 3


def bit_set(values: Sequence[int | str], index: int) -> int:
    """Return the values of the field `index`, as croniter has expanded it: bit n for number n."""
    return sum(1 << value for value in _numbers(values, index))


def _numbers(values: Sequence[int | str], index: int) -> list[int]:
    low, high = FIELDS[index]
    if "*" in values:
        return list(range(low, high + 1))
    return sorted({int(value) for value in values if value != "l"})


def spelled_values(values: Sequence[int | str], index: int) -> str:
    """Write the field `index` plainly, from what croniter has expanded it to (`l` is last)."""
    numbers = _spelled(_numbers(values, index), *FIELDS[index]) if values != ["l"] else ""
    return ",".join(part for part in (numbers, "L" if "l" in values else "") if part)


def _spelled(numbers: Sequence[int], low: int, high: int) -> str:
    """Write a field the short way: `*`, `*/15`, or the values with runs of three as ranges."""
    if len(numbers) == high - low + 1:
        return "*"
    step = numbers[1] - numbers[0] if len(numbers) >= _RUN else 0
    if step > 1 and list(numbers) == list(range(low, high + 1, step)):
        return f"*/{step}"
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) >= _RUN else ",".join(map(str, run)) for run in runs
    )


def days_of(day_fields: str) -> int:
    """Return the days of plainly spelled fields; croniter is asked for `L` and `#` alone."""
    if set("L#") & set(day_fields):
        return matching_days(day_fields)
    days, months, weekdays = (
        _calendar_days(field, text) for field, text in enumerate(day_fields.split(), DAY)
    )
    day, _, weekday = day_fields.split()
    return months & (days & weekdays if "*" in (day, weekday) else days | weekdays)


@lru_cache(maxsize=4096)
def _calendar_days(field: int, text: str) -> int:
    """Return the days that one plainly spelled field names."""
    fields = ["*"] * len(FIELDS)
    fields[field] = text
    union = 0
    for number in _numbers(croniter.expand(" ".join(fields))[0][field], field):
        union |= _calendar()[field, number]
    return union


@cache
def _calendar() -> dict[tuple[int, int], int]:
    """Return the days of the horizon by their number in the month, month, and weekday."""
    days: dict[tuple[int, int], int] = defaultdict(int)
    for offset in range(_DAYS):
        day = _FIRST_DAY + timedelta(days=offset)
        for key in ((DAY, day.day), (MONTH, day.month), (WEEKDAY, day.isoweekday() % 7)):
            days[key] |= 1 << offset
    return days


@lru_cache(maxsize=1024)
def matching_days(day_fields: str) -> int:
    """Ask croniter for the days, since only it knows how day and weekday combine (and `L`, `#`)."""
    if day_fields == ANY_DAY:
        return _EVERY_DAY
    ticks = croniter(f"0 0 {day_fields}", _FIRST_DAY - timedelta(minutes=1), ret_type=datetime)
    days = bytearray(_DAYS // 8 + 1)
    with suppress(ValueError):  # CroniterBadDateError: no such date, February 31st
        while (day := (ticks.get_next(datetime) - _FIRST_DAY).days) < _DAYS:
            days[day >> 3] |= 1 << (day & 7)
    return int.from_bytes(days, "little")
