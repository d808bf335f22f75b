"""SQLMesh crons -> exact Dagster schedules.

A model is due at the ticks of its own cron (SQLMesh documentation, "Model configuration: cron"),
so the schedule ticks at the union of all models' ticks: a missing tick runs a model late, an extra
tick asks for an empty run. Dagster takes a list of crons and yields each instant of it once
(`dagster/_utils/schedules.py`), so a list of all crons is exact. Crons that another cron covers are
left out of it, which makes the usual list one cron: `*/5` covers `@hourly` and `@daily`.

Crons are written as plain numbers: Dagster reads them with an older croniter than SQLMesh, which
reads `59/7`, `*,5` or a week that is spelled out as something else.
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

from .fields import (
    ANY_DAY,
    DAY,
    FIELDS,
    HOUR,
    MINUTE,
    WEEKDAY,
    bit_set,
    days_of,
    matching_days,
    spelled_values,
)

# Numbers and stars, with a day or a weekday but not both: nothing that croniter need be asked for.
_SIMPLE = re.compile(r"(\* \* \*|[\d,]+ (\*|[\d,]+) \*|\* (\*|[\d,]+) [0-6](,[0-6]){0,5})")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Crons that tick together, in one IANA time zone."""

    timezone: str
    crons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cron:
    """A cron as a product of three bit sets; bit n of `days` is the n-th day of a long calendar."""

    minutes: int
    hours: int
    days: int
    text: str

    def covers(self, other: _Cron) -> bool:
        """Return whether every tick of the other cron is one of this cron."""
        missing = other.minutes & ~self.minutes, other.hours & ~self.hours, other.days & ~self.days
        return not any(missing)


def schedules(
    models: Iterable[Model], standalone_audits: Iterable[StandaloneAudit] = ()
) -> tuple[Schedule, ...]:
    """Return the schedules that tick exactly when something is due.

    Args:
        models: the models of a project. Seeds do not count: SQLMesh evaluates them in a plan only.
        standalone_audits: its standalone audits.

    Returns:
        One schedule per time zone that a `cron_tz` names, UTC (SQLMesh's default) first.

    Raises:
        ProjectError: a cron that Dagster cannot run, with the model or audit that has it.
    """
    by_timezone: dict[str, dict[str, _Cron]] = defaultdict(dict)
    evaluated = (model for model in models if not model.is_seed)
    nodes: tuple[Model | StandaloneAudit, ...] = (*evaluated, *standalone_audits)
    for node in nodes:
        crons = by_timezone[node.cron_tz or "UTC"]
        crons.setdefault(node.cron, _parse_for(node))
    ordered = sorted(by_timezone, key=lambda timezone: (timezone != "UTC", timezone))
    return tuple(
        Schedule(timezone, _without_covered(by_timezone[timezone].values())) for timezone in ordered
    )


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
    plain = " ".join((spelled[MINUTE], spelled[HOUR], _plain_day_fields(spelled, days)))
    return _Cron(minutes, hours, days, plain)


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
    shorter = (ANY_DAY, f"* {month} *", f"{day} {month} *", f"* {month} {weekday}")
    candidates = (*shorter, f"{day} {month} {weekday}")
    return next(fields for fields in candidates if days_of(fields) == days)


def _without_covered(crons: Iterable[_Cron]) -> tuple[str, ...]:
    kept: list[_Cron] = []
    # Of two crons with the same ticks the shorter spelling stays.
    for cron in sorted(crons, key=lambda cron: (len(cron.text), cron.text)):
        if not any(other.covers(cron) for other in kept):
            kept = [*(other for other in kept if not cron.covers(other)), cron]
    return tuple(sorted(cron.text for cron in kept))
