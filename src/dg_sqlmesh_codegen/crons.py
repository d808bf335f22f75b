"""SQLMesh crons -> the smallest exact set of Dagster schedules.

A model is due at the ticks of its own cron (SQLMesh documentation, "Model configuration: cron"),
so the schedule has to tick at the union of all models' ticks: a tick less and a model runs late,
a tick more and an empty run is asked for. Five-field crons are products: a set of days times a set
of minutes of the day. Comparing those products compares the ticks themselves, without guessing
from intervals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import combinations

from croniter import croniter

from .errors import ProjectError
from .project import Model, StandaloneAudit

# The calendar repeats every 28 years within a century: every month of every kind of year, each
# with every weekday it can start on. One leap year is not enough: in 2028 "January 1st" and
# "the first Saturday of January" are the same day.
_FIRST_DAY = datetime(2000, 1, 1)
_DAYS = 28 * 365 + 7
_EVERY_DAY = (1 << _DAYS) - 1
_MINUTES = 24 * 60

_MINUTE, _HOUR = 0, 1
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
# From this many values on a range or a step is shorter than a list.
_RUN = 3
# Up to this many crons the smallest cover is found by trying all of them, beyond it greedily.
_EXHAUSTIVE = 12
_MAX_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Schedule:
    """Crons that tick together, in one IANA time zone."""

    timezone: str
    crons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cron:
    """A cron as sets: bit n of `days` is the n-th day of the horizon, of `minutes` of the day."""

    text: str
    days: int
    minutes: int
    merged: bool = False


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
        Schedule(timezone, _smallest_cover(tuple(by_timezone[timezone].values())))
        for timezone in ordered
    )


def smallest_exact_set(crons: Iterable[str]) -> tuple[str, ...]:
    """Return the fewest five-field crons whose ticks are the union of the given ones' ticks.

    Raises:
        ValueError: a cron that is not a five-field one, or that never ticks.
    """
    return _smallest_cover(tuple(_parse(cron) for cron in sorted(set(crons))))


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
    text = _five_fields(cron)
    fields = croniter.expand(text)[0]  # ValueError (CroniterError) on a field it cannot read
    minutes = sum(
        1 << (hour * 60 + minute)
        for hour in _values(fields[_HOUR], _FIELDS[_HOUR])
        for minute in _values(fields[_MINUTE], _FIELDS[_MINUTE])
    )
    every_day = all(field == ["*"] for field in fields[2:])
    days = _EVERY_DAY if every_day else _matching_days(text.split(maxsplit=2)[2])
    if not days:
        raise ValueError("it never ticks")
    return _Cron(text, days, minutes)


def _five_fields(cron: str) -> str:
    """Spell out `@daily` and the like, which croniter reads as crons of five fields."""
    text = " ".join(cron.split())
    if text.startswith("@"):
        text = _spell_out(croniter.expand(text)[0])
    if len(text.split()) != len(_FIELDS):
        raise ValueError("seconds and years are beyond Dagster's schedules")
    if any(field[0] in "RrHh" for field in text.split()):
        # croniter draws these anew in every process that parses them.
        raise ValueError("random times (R, H) differ from process to process")
    return text


def _spell_out(fields: Sequence[Sequence[int | str]]) -> str:
    return " ".join(
        _spell(_values(field, limits), limits)
        for field, limits in zip(fields, _FIELDS, strict=False)
    )


def _values(field: Sequence[int | str], limits: tuple[int, int]) -> tuple[int, ...]:
    if list(field) == ["*"]:
        return tuple(range(limits[0], limits[1] + 1))
    return tuple(int(value) for value in field)


def _spell(values: Sequence[int], limits: tuple[int, int]) -> str:
    """Write a field the short way: `*`, `*/15`, or the values with runs of three as ranges."""
    low, high = limits
    if tuple(values) == tuple(range(low, high + 1)):
        return "*"
    step = values[1] - values[0] if len(values) >= _RUN else 0
    if step > 1 and tuple(values) == tuple(range(low, high + 1, step)):
        return f"*/{step}"
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) >= _RUN else ",".join(map(str, run)) for run in runs
    )


@lru_cache(maxsize=1024)
def _matching_days(day_fields: str) -> int:
    """Ask croniter for the days, since only it knows how day and weekday combine (and `L`, `#`)."""
    ticks = croniter(f"0 0 {day_fields}", _FIRST_DAY - timedelta(minutes=1), ret_type=datetime)
    days = 0
    while True:
        try:
            day = (ticks.get_next(datetime) - _FIRST_DAY).days
        except ValueError:  # CroniterBadDateError: no such date, February 31st
            return days
        if day >= _DAYS:
            return days
        days |= 1 << day


def _smallest_cover(crons: Sequence[_Cron]) -> tuple[str, ...]:
    groups = _day_groups(crons)
    wanted = 0
    for cron in crons:
        wanted |= _ticks(cron, groups)
    candidates = {cron: _ticks(cron, groups) for cron in _with_merged(crons)}
    chosen = _cover(wanted, _without_covered(candidates))
    return tuple(sorted(cron.text for cron in chosen))


def _day_groups(crons: Sequence[_Cron]) -> tuple[int, ...]:
    """Split the horizon into sets of days that no cron tells apart; one day stands for each."""
    groups = [_EVERY_DAY]
    for cron in crons:
        split = ((group & cron.days, group & ~cron.days) for group in groups)
        groups = [part for parts in split for part in parts if part]
    return tuple(groups)


def _ticks(cron: _Cron, groups: Sequence[int]) -> int:
    ticks = 0
    for index, group in enumerate(groups):
        if group & cron.days:
            ticks |= cron.minutes << (index * _MINUTES)
    return ticks


def _with_merged(crons: Sequence[_Cron]) -> list[_Cron]:
    """Add the crons that say two of the given at once: `0 0` and `0 12` are `0 0,12`."""
    found = list(crons)
    for first in found:  # grows while it is walked: merged ones merge again
        for second in list(found):
            merged = _merge(first, second)
            if merged and not any(_same_ticks(merged, other) for other in found):
                found.append(merged)
        if len(found) > _MAX_CANDIDATES:
            break
    return found


def _same_ticks(first: _Cron, second: _Cron) -> bool:
    return (first.days, first.minutes) == (second.days, second.minutes)


def _merge(first: _Cron, second: _Cron) -> _Cron | None:
    """Join two crons that differ in one field, if the joint one ticks exactly when they do."""
    mine, theirs = first.text.split(), second.text.split()
    differing = [index for index, field in enumerate(mine) if field != theirs[index]]
    if len(differing) != 1:
        return None
    field = differing[0]
    values = [croniter.expand(cron.text)[0][field] for cron in (first, second)]
    if any(value == "l" for value in (*values[0], *values[1])) or "#" in first.text + second.text:
        return None  # "last" and "n-th weekday" are no values that a list could hold
    limits = _FIELDS[field]
    union = sorted({*_values(values[0], limits), *_values(values[1], limits)})
    merged = _parse(" ".join([*mine[:field], _spell(union, limits), *mine[field + 1 :]]))
    if (merged.days, merged.minutes) != (first.days | second.days, first.minutes | second.minutes):
        return None  # day and weekday are alternatives: `*` is more than all their values
    return replace(merged, merged=True)


def _without_covered(candidates: dict[_Cron, int]) -> dict[_Cron, int]:
    """Drop what another candidate covers; of equal ones the user's own, shortest spelling stays."""
    ranked = sorted(candidates, key=lambda cron: (cron.merged, len(cron.text), cron.text))
    kept: dict[_Cron, int] = {}
    for cron in ranked:
        ticks = candidates[cron]
        if any(ticks | other == other for other in kept.values()):
            continue
        kept = {other: theirs for other, theirs in kept.items() if theirs | ticks != ticks}
        kept[cron] = ticks
    return kept


def _cover(wanted: int, candidates: dict[_Cron, int]) -> list[_Cron]:
    chosen = [cron for cron in candidates if _is_essential(cron, candidates)]
    missing = wanted
    for cron in chosen:
        missing &= ~candidates[cron]
    rest = [cron for cron in candidates if cron not in chosen and candidates[cron] & missing]
    if not missing:
        return chosen
    if len(rest) <= _EXHAUSTIVE:
        return chosen + _fewest(missing, rest, candidates)
    return chosen + _greedy(missing, rest, candidates)


def _is_essential(cron: _Cron, candidates: dict[_Cron, int]) -> bool:
    others = 0
    for other, ticks in candidates.items():
        if other != cron:
            others |= ticks
    return bool(candidates[cron] & ~others)


def _fewest(missing: int, rest: Sequence[_Cron], ticks: dict[_Cron, int]) -> list[_Cron]:
    for size in range(1, len(rest)):
        for some in combinations(rest, size):
            covered = 0
            for cron in some:
                covered |= ticks[cron]
            if not missing & ~covered:
                return list(some)
    return list(rest)


def _greedy(missing: int, rest: Sequence[_Cron], ticks: dict[_Cron, int]) -> list[_Cron]:
    chosen: list[_Cron] = []
    while missing:
        best = max(rest, key=lambda cron: (ticks[cron] & missing).bit_count())
        chosen.append(best)
        missing &= ~ticks[best]
    return chosen
