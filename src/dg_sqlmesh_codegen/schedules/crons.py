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
from functools import lru_cache

from croniter import croniter

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, StandaloneAudit

from .cover import Box, smallest_cover
from .fields import (
    ANY_DAY,
    DAY,
    FIELDS,
    HOUR,
    MINUTE,
    WEEKDAY,
    bit_set,
    days_of,
    joined,
    matching_days,
    spelled_numbers,
    spelled_values,
)

# Numbers and stars, with a day or a weekday but not both: nothing that croniter need be asked for.
_SIMPLE = re.compile(r"(\* \* \*|[\d,]+ (\*|[\d,]+) \*|\* (\*|[\d,]+) [0-6](,[0-6]){0,5})")
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
    spelled = [spelled_values(values, index) for index, values in enumerate(fields)]
    if nth:
        spelled[WEEKDAY] = ",".join(
            f"L{day}" if str(number) == "l" else f"{day}#{number}"
            for day in sorted(nth)
            for number in sorted(nth[day], key=str)
        )
    day_fields = spelled[DAY:] if text.startswith("@") else text.split()[DAY:]
    simple = _SIMPLE.fullmatch(" ".join(day_fields)) is not None
    days = days_of(" ".join(spelled[DAY:])) if simple else matching_days(" ".join(day_fields))
    if not days:
        raise ValueError("it never ticks")
    minutes, hours = (bit_set(fields[index], index) for index in (MINUTE, HOUR))
    return _Cron(minutes, hours, days, _plain_day_fields(spelled, days))


def _refuse(text: str) -> None:
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError("a cron of minute, hour, day, month and weekday is all that it takes")
    if any(field[0] in "RrHh" for field in fields):
        # croniter draws these anew in every process that parses them.
        raise ValueError("random times (R, H) differ from process to process")
    if "w" in fields[DAY].lower():
        raise ValueError("it does not know the weekday nearest to a day (W)")


def _plain_day_fields(spelled: Sequence[str], days: int) -> str:
    """Choose the plainest spelling of the days.

    Where day and weekday are both given, croniter takes either, and one of them may say it all.
    """
    day, month, weekday = spelled[DAY:]
    candidates = (
        ANY_DAY,
        f"* {month} *",
        f"{day} {month} *",
        f"* {month} {weekday}",
        f"{day} {month} {weekday}",
    )
    return next(fields for fields in candidates if days_of(fields) == days)


def _smallest(crons: Sequence[_Cron]) -> tuple[str, ...]:
    given = {Box(cron.minutes, cron.hours, cron.days) for cron in crons}
    fields = _day_fields(crons)
    chosen = smallest_cover(tuple(sorted(given)), tuple(fields))
    return tuple(sorted(_text(box, fields[box.days]) for box in chosen))


def _text(box: Box, day_fields: str) -> str:
    minutes, hours = (
        spelled_numbers([number for number in range(60) if bits >> number & 1], index)
        for bits, index in ((box.minutes, MINUTE), (box.hours, HOUR))
    )
    return f"{minutes} {hours} {day_fields}"


def _day_fields(crons: Sequence[_Cron]) -> dict[int, str]:
    """Return every set of days that the crons' day fields, joined field by field, can say."""
    fields: dict[int, str] = {}
    for cron in sorted(crons, key=lambda cron: (len(cron.day_fields), cron.day_fields)):
        fields.setdefault(cron.days, cron.day_fields)
    if len(fields) >= _MAX_DAY_FIELDS:
        return fields
    for days, mine in list(fields.items()):
        _add_everything_joined(fields, days, mine)
    waiting = list(fields.items())
    for days, mine in waiting:  # grows while it is walked: joined ones are joined again
        for other_days, theirs in list(fields.items()):
            if len(fields) >= _MAX_DAY_FIELDS:
                return fields
            union = days | other_days
            both = None if union in fields else joined(mine, theirs)
            if both and days_of(both) == union:
                fields[union] = both
                waiting.append((union, both))
    return fields


def _add_everything_joined(fields: dict[int, str], days: int, mine: str) -> None:
    """Join all that can be: of many days, not every combination is going to be tried."""
    for other_days, theirs in list(fields.items()):
        both = joined(mine, theirs)
        if both and days_of(both) == days | other_days:
            days, mine = days | other_days, both
    fields.setdefault(days, mine)
