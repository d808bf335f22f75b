"""SQLMesh crons -> exact Dagster schedules.

A model is due at the ticks of its own cron (SQLMesh documentation, "Model configuration: cron") and
of its `auto_restatement_cron`, so the schedule ticks at the union of all models' ticks: a missing
tick runs a model late, an extra tick asks for an empty run. Dagster takes a list of crons and
yields each instant of it once (`dagster/_utils/schedules.py`), so a list of all crons is exact.
Crons that another cron covers are left out of it, which makes the usual list one cron: `*/5` covers
`@hourly` and `@daily`.

Crons are written as plain numbers: Dagster reads them with an older croniter than SQLMesh, which
reads `59/7`, `*,5` or a week that is spelled out as something else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from croniter import CroniterBadDateError, croniter

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, StandaloneAudit

from .fields import CALENDAR_DAYS, EVERY_DAY, FIELDS, days, numbers, plain, plain_days

_NAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Schedule:
    """Crons that tick together, in one IANA time zone."""

    timezone: str
    crons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cron:
    """A cron in plain numbers: the minutes of a day at which it ticks, and its other fields."""

    text: str
    times: frozenset[int]
    days: str

    def covers(self, other: _Cron) -> bool:
        """Return whether every tick of the other cron is one of this cron."""
        return self.times >= other.times and (
            self.days in (EVERY_DAY, other.days) or days(self.days) >= days(other.days)
        )


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
    evaluated = [model for model in models if not model.is_seed]
    nodes: tuple[Model | StandaloneAudit, ...] = (*evaluated, *standalone_audits)
    due = [(node, node.cron_tz or "UTC", node.cron) for node in nodes]
    restated = ((model, "UTC", model.auto_restatement_cron) for model in evaluated)
    due += [(model, timezone, cron) for model, timezone, cron in restated if cron]
    by_timezone: dict[str, set[_Cron]] = defaultdict(set)
    for node, timezone, cron in due:
        try:
            by_timezone[timezone].add(_parse(cron))
        except ValueError as error:
            raise ProjectError(
                f"{node}: Dagster cannot run the cron {cron!r}",
                detail=str(error),
                hint="Give it a cron of five fields: minute hour day month weekday.",
            ) from error
    ordered = sorted(by_timezone, key=lambda timezone: (timezone != "UTC", timezone))
    return tuple(Schedule(each, _without_covered(by_timezone[each])) for each in ordered)


def plain_cron(cron: str) -> str:
    """Return a cron in plain numbers.

    Raises:
        ValueError: Dagster cannot run it.
    """
    return _parse(cron).text


@lru_cache(maxsize=1024)
def longest_gap(cron: str, timezone: str) -> int:
    """Return the most minutes from one tick of a cron that Dagster can run to the next.

    Between two ticks a clock can be set back by an hour, but not in UTC.
    """
    found = _parse(cron)
    times, dates = sorted(found.times), sorted(days(found.days))
    pauses = (later - earlier for earlier, later in pairwise([*dates, dates[0] + CALENDAR_DAYS]))
    night = max(pauses) * _DAY_MINUTES - times[-1] + times[0]
    gaps = (later - earlier for earlier, later in pairwise(times))
    return max([night, *gaps]) + (0 if timezone == "UTC" else 60)


@lru_cache(maxsize=1024)
def _parse(cron: str) -> _Cron:
    text = " ".join(cron.split())
    if text.startswith("@"):
        if text.lower() not in _NAMES:
            raise ValueError(f"it is none of {', '.join(_NAMES)}")
    else:
        _refuse(text.split())
    fields, nth = croniter.expand(text)[:2]  # ValueError (CroniterError) on what it cannot read
    minutes, hours = (numbers(fields[index], index) for index in (0, 1))
    named = plain_days(text, fields, nth)
    plain_text = f"{plain(minutes, 0)} {plain(hours, 1)} {named}"
    try:
        croniter(plain_text, 0).get_next()
    except CroniterBadDateError as error:
        raise ValueError("it never ticks") from error
    times = frozenset(hour * 60 + minute for hour in hours for minute in minutes)
    return _Cron(plain_text, times, named)


def _refuse(fields: list[str]) -> None:
    if len(fields) != len(FIELDS):
        raise ValueError("a cron of minute, hour, day, month and weekday is all that it takes")
    if any(field[0] in "RrHh" for field in fields):
        # croniter draws these anew in every process that parses them.
        raise ValueError("random times (R, H) differ from process to process")
    if "w" in fields[2].lower():
        raise ValueError("it does not know the weekday nearest to a day (W)")


def _without_covered(crons: Iterable[_Cron]) -> tuple[str, ...]:
    kept: list[_Cron] = []
    # Of two crons with the same ticks the shorter spelling stays.
    for cron in sorted(crons, key=lambda cron: (len(cron.text), cron.text)):
        if not any(other.covers(cron) for other in kept):
            kept = [*(other for other in kept if not cron.covers(other)), cron]
    return tuple(sorted(cron.text for cron in kept))
