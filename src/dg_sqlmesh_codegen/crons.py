"""SQLMesh crons -> the smallest exact set of Dagster schedules.

A model is due at the ticks of its own cron (SQLMesh documentation, "Model configuration: cron"),
so the schedule has to tick at the union of all models' ticks: a tick less and a model runs late,
a tick more and an empty run is asked for. A five-field cron is a product: days times hours times
minutes. Comparing such products compares the ticks themselves, without guessing from intervals.

What is returned is spelled plainly, in numbers: Dagster reads crons with an older croniter than
SQLMesh, which takes `59/7`, `*,5` or a week that is spelled out for something else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache

from croniter import croniter

from .cover import Box, smallest_cover
from .errors import ProjectError
from .project import Model, StandaloneAudit

# The calendar repeats every 28 years within a century: every month of every kind of year, each
# with every weekday it can start on. One leap year is not enough: in 2028 "January 1st" and
# "the first Saturday of January" are the same day.
_FIRST_DAY = datetime(2000, 1, 1)
_DAYS = 28 * 365 + 7
_EVERY_DAY = (1 << _DAYS) - 1

_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY = range(5)
_ANY_DAY = "* * *"
# Numbers and stars, with a day or a weekday but not both: nothing that croniter need be asked for.
_SIMPLE = re.compile(r"(\* \* \*|[\d,]+ (\*|[\d,]+) \*|\* (\*|[\d,]+) [0-6](,[0-6]){0,5})")
# From this many values on a range or a step is shorter than a list.
_RUN = 3
# More ways to write the days of several crons in one than anybody's models need.
_MAX_DAY_FIELDS = 150


@dataclass(frozen=True, slots=True)
class Schedule:
    """Crons that tick together, in one IANA time zone."""

    timezone: str
    crons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cron:
    """A cron as bit sets; bit n of `days` is the n-th day of the horizon."""

    minutes: int
    hours: int
    days: int
    day_fields: str


def schedules(
    models: Iterable[Model], standalone_audits: Iterable[StandaloneAudit] = ()
) -> tuple[Schedule, ...]:
    """Return the schedules that tick exactly when something is due.

    Args:
        models: the models of a project. Seeds do not count: SQLMesh evaluates them when a plan
            is applied and never in a later run.
        standalone_audits: its standalone audits, which have crons like models.

    Returns:
        One schedule per time zone that a `cron_tz` names, UTC (SQLMesh's default) first.

    Raises:
        ProjectError: a cron that Dagster cannot run, with the model or audit that has it.
    """
    by_timezone: dict[str, dict[str, _Cron]] = defaultdict(dict)
    nodes: list[Model | StandaloneAudit] = [model for model in models if not model.is_seed]
    nodes.extend(standalone_audits)
    for node in nodes:
        crons = by_timezone[node.cron_tz or "UTC"]
        crons.setdefault(node.cron, _parse_for(node))
    ordered = sorted(by_timezone, key=lambda timezone: (timezone != "UTC", timezone))
    return tuple(
        Schedule(timezone, _smallest(tuple(by_timezone[timezone].values()))) for timezone in ordered
    )


def smallest_exact_set(crons: Iterable[str]) -> tuple[str, ...]:
    """Return the fewest five-field crons whose ticks are the union of the given ones' ticks.

    Raises:
        ValueError: a cron that is not a five-field one, or that never ticks.
    """
    return _smallest(tuple(_parse(cron) for cron in sorted(set(crons))))


def _parse_for(node: Model | StandaloneAudit) -> _Cron:
    try:
        return _parse(node.cron)
    except ValueError as error:
        raise ProjectError(
            f"{node}: Dagster cannot run the cron {node.cron!r}",
            detail=str(error),
            hint="Give it a cron of five fields: minute hour day month weekday.",
        ) from error


@lru_cache(maxsize=1024)
def _parse(cron: str) -> _Cron:
    text = " ".join(cron.split())
    if not text.startswith("@"):
        _refuse(text)
    fields, nth = croniter.expand(text)[:2]  # ValueError (CroniterError) on what it cannot read
    spelled = [_spelled(values, index) for index, values in enumerate(fields)]
    if nth:
        spelled[_WEEKDAY] = ",".join(
            f"L{day}" if str(number) == "l" else f"{day}#{number}"
            for day in sorted(nth)
            for number in sorted(nth[day], key=str)
        )
    day_fields = spelled[_DAY:] if text.startswith("@") else text.split()[_DAY:]
    simple = _SIMPLE.fullmatch(" ".join(day_fields)) is not None
    days = _days_of(" ".join(spelled[_DAY:])) if simple else _matching_days(" ".join(day_fields))
    if not days:
        raise ValueError("it never ticks")
    minutes, hours = (_bits(fields[index], index) for index in (_MINUTE, _HOUR))
    return _Cron(minutes, hours, days, _plain_day_fields(spelled, days))


def _refuse(text: str) -> None:
    fields = text.split()
    if len(fields) != len(_LIMITS):
        raise ValueError("a cron of minute, hour, day, month and weekday is all that it takes")
    if any(field[0] in "RrHh" for field in fields):
        # croniter draws these anew in every process that parses them.
        raise ValueError("random times (R, H) differ from process to process")
    if "w" in fields[_DAY].lower():
        raise ValueError("it does not know the weekday nearest to a day (W)")


def _bits(values: Sequence[int | str], index: int) -> int:
    return sum(1 << value for value in _numbers(values, index))


def _numbers(values: Sequence[int | str], index: int) -> list[int]:
    low, high = _LIMITS[index]
    if "*" in values:
        return list(range(low, high + 1))
    return sorted({int(value) for value in values if value != "l"})


def _spelled(values: Sequence[int | str], index: int) -> str:
    numbers = _spell(_numbers(values, index), index) if values != ["l"] else ""
    return ",".join(part for part in (numbers, "L" if "l" in values else "") if part)


def _spell(numbers: Sequence[int], index: int) -> str:
    """Write a field the short way: `*`, `*/15`, or the values with runs of three as ranges."""
    low, high = _LIMITS[index]
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


def _plain_day_fields(spelled: Sequence[str], days: int) -> str:
    """Choose the plainest spelling of the days.

    Where day and weekday are both given, croniter takes either, and one of them may say it all.
    """
    day, month, weekday = spelled[_DAY:]
    candidates = (
        _ANY_DAY,
        f"* {month} *",
        f"{day} {month} *",
        f"* {month} {weekday}",
        f"{day} {month} {weekday}",
    )
    return next(fields for fields in candidates if _days_of(fields) == days)


def _days_of(day_fields: str) -> int:
    """Return the days of plainly spelled fields; croniter is asked for `L` and `#` alone."""
    if set("L#") & set(day_fields):
        return _matching_days(day_fields)
    days, months, weekdays = (
        _calendar_days(field, text) for field, text in enumerate(day_fields.split(), _DAY)
    )
    day, _, weekday = day_fields.split()
    return months & (days & weekdays if "*" in (day, weekday) else days | weekdays)


@lru_cache(maxsize=4096)
def _calendar_days(field: int, text: str) -> int:
    union = 0
    for number in _values(text, field):
        union |= _calendar()[field, number]
    return union


@cache
def _calendar() -> dict[tuple[int, int], int]:
    """Return the days of the horizon by their number in the month, month, and weekday."""
    days: dict[tuple[int, int], int] = defaultdict(int)
    for offset in range(_DAYS):
        day = _FIRST_DAY + timedelta(days=offset)
        for key in ((_DAY, day.day), (_MONTH, day.month), (_WEEKDAY, day.isoweekday() % 7)):
            days[key] |= 1 << offset
    return days


@lru_cache(maxsize=1024)
def _matching_days(day_fields: str) -> int:
    """Ask croniter for the days, since only it knows how day and weekday combine (and `L`, `#`)."""
    if day_fields == _ANY_DAY:
        return _EVERY_DAY
    ticks = croniter(f"0 0 {day_fields}", _FIRST_DAY - timedelta(minutes=1), ret_type=datetime)
    days = bytearray(_DAYS // 8 + 1)
    while True:
        try:
            day = (ticks.get_next(datetime) - _FIRST_DAY).days
        except ValueError:  # CroniterBadDateError: no such date, February 31st
            break
        if day >= _DAYS:
            break
        days[day >> 3] |= 1 << (day & 7)
    return int.from_bytes(days, "little")


def _smallest(crons: Sequence[_Cron]) -> tuple[str, ...]:
    given = {Box(cron.minutes, cron.hours, cron.days) for cron in crons}
    fields = _day_fields(crons)
    chosen = smallest_cover(tuple(sorted(given)), tuple(fields))
    return tuple(sorted(_text(box, fields[box.days]) for box in chosen))


def _text(box: Box, day_fields: str) -> str:
    minutes, hours = (
        _spell([number for number in range(60) if bits >> number & 1], index)
        for bits, index in ((box.minutes, _MINUTE), (box.hours, _HOUR))
    )
    return f"{minutes} {hours} {day_fields}"


def _day_fields(crons: Sequence[_Cron]) -> dict[int, str]:
    """Return every set of days that the crons' day fields, joined field by field, can say."""
    fields: dict[int, str] = {}
    for cron in sorted(crons, key=lambda cron: (len(cron.day_fields), cron.day_fields)):
        fields.setdefault(cron.days, cron.day_fields)
    for days, mine in list(fields.items()):
        _add_everything_joined(fields, days, mine)
    waiting = list(fields.items())
    for days, mine in waiting:  # grows while it is walked: joined ones are joined again
        for other_days, theirs in list(fields.items()):
            union = days | other_days
            joined = None if union in fields else _joined(mine, theirs)
            if joined and _days_of(joined) == union and len(fields) < _MAX_DAY_FIELDS:
                fields[union] = joined
                waiting.append((union, joined))
    return fields


def _add_everything_joined(fields: dict[int, str], days: int, mine: str) -> None:
    """Join all that can be: of many days, not every combination is going to be tried."""
    for other_days, theirs in list(fields.items()):
        joined = _joined(mine, theirs)
        if joined and _days_of(joined) == days | other_days:
            days, mine = days | other_days, joined
    fields.setdefault(days, mine)


def _joined(first: str, second: str) -> str | None:
    """Join two day fields that differ in one field, if that is a list of numbers in both."""
    mine, theirs = first.split(), second.split()
    differing = [index for index in range(len(mine)) if mine[index] != theirs[index]]
    if len(differing) != 1:
        return None
    index = differing[0]
    if set("L#") & set(mine[index] + theirs[index]):
        return None
    union = _values(mine[index], _DAY + index) | _values(theirs[index], _DAY + index)
    mine[index] = _spell(sorted(union), _DAY + index)
    return " ".join(mine)


@lru_cache(maxsize=4096)
def _values(text: str, index: int) -> frozenset[int]:
    """Return the numbers of one plainly spelled field."""
    fields = ["*"] * len(_LIMITS)
    fields[index] = text
    return frozenset(_numbers(croniter.expand(" ".join(fields))[0][index], index))
