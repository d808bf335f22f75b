"""The schedule ticks exactly when a model is due."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile

import pytest
from croniter import croniter
from dagster._utils.schedules import cron_string_iterator, schedule_execution_time_iterator
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import model, standalone
from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.schedules.crons import Schedule, longest_gap, schedules

Window = tuple[datetime, datetime]


def window(first: str, end: str) -> Window:
    return datetime.fromisoformat(first), datetime.fromisoformat(end)


# Days with what makes crons differ, in leap and common years, within and beyond a 28-year cycle.
EDGES = (
    window("2024-02-27", "2024-03-03"),
    window("2023-02-27", "2023-03-02"),
    window("2025-04-29", "2025-05-03"),
    window("2027-12-30", "2028-01-03"),
    window("2032-02-28", "2032-03-02"),
)
# Drawn once: what croniter said of a window is remembered.
WEEKS = (
    window("2001-02-08", "2001-02-15"),
    window("2024-11-21", "2024-11-28"),
    window("2026-09-05", "2026-09-12"),
    window("2044-07-23", "2044-07-30"),
)

MINUTES = ("0", "30", "15,45", "*/20", "5-7", "0-30/10", "59")
HOURS = ("*", "0", "12", "*/6", "9-17", "8-18/5", "23,1", "22-2")
# Few, because asking croniter for the days of 28 years takes its time; what was asked is cached.
DAYS = (
    *("* * *", "* * 1-5", "* * 0,6", "* * MON", "* * 7", "* * 3#1", "* * FRI#5", "1 * *"),
    *("15 * *", "L * *", "15,L * *", "31 * *", "28-31 * *", "*/10 * *", "29 2 *", "1 1 *"),
    *("1 JAN *", "* 2 *", "* feb-apr *", "* */3 *", "13 * FRI", "1-7 * sun", "* 12 L5"),
)
plain_crons = st.builds(
    lambda *fields: " ".join(fields),
    st.sampled_from(MINUTES),
    st.sampled_from(HOURS),
    st.sampled_from(DAYS),
)
sets_of_crons = st.lists(plain_crons, min_size=1, max_size=5)


def exact_list(crons: Iterable[str]) -> tuple[str, ...]:
    """Return the schedule's crons for models that have these."""
    made = schedules([model(f"s.m{number}", cron=cron) for number, cron in enumerate(crons)])
    return made[0].crons if made else ()


@cache
def ticks(cron: str, within: Window) -> frozenset[datetime]:
    """Ask croniter for the ticks from the window's start to before its end."""
    found: set[datetime] = set()
    iterator = croniter(cron, within[0] - timedelta(minutes=1))
    while (tick := iterator.get_next(datetime)) < within[1]:
        found.add(tick)
    return frozenset(found)


def union(crons: Iterable[str], within: Window) -> set[datetime]:
    return {tick for cron in crons for tick in ticks(cron, within)}


def dagster_ticks(cron: str, within: Window) -> set[datetime]:
    """Ask the croniter inside Dagster, which is an older one with opinions of its own."""
    start, end = (moment.replace(tzinfo=UTC) for moment in within)
    found: set[datetime] = set()
    for tick in cron_string_iterator(start.timestamp(), cron, "UTC"):
        if tick >= end:
            return found
        if tick >= start:
            found.add(tick.replace(tzinfo=None))
    raise AssertionError("a schedule has no end")


@pytest.mark.parametrize(
    ("crons", "expected"),
    [
        (["@daily", "@hourly", "*/5 * * * *"], ["*/5 * * * *"]),
        (["0 0 * * *", "30 2 * * *"], ["0 0 * * *", "30 2 * * *"]),
        (["17 3 * * *", "17 3 * * *"], ["17 3 * * *"]),
        ([], []),
        # aliases are spelled out
        (["@yearly", "@annually"], ["0 0 1 1 *"]),
        (["@midnight"], ["0 0 * * *"]),
        # white space is not part of a cron
        (["  0\t0 *  * * "], ["0 0 * * *"]),
        # one covers the others
        (["@yearly", "@monthly", "@weekly", "@daily"], ["0 0 * * *"]),
        (["0 0 L * *", "0 0 28-31 * *"], ["0 0 28-31 * *"]),
        (["0 8 * * 3#1", "0 8 1-7 * *"], ["0 8 1-7 * *"]),
        (["0 8 * * L5", "0 8 * * 5"], ["0 8 * * 5"]),
        (["0 0 13 * 5", "0 0 13 * *", "0 0 * * 5"], ["0 0 13 * 5"]),
        # none does
        (["0 0 1 * *", "0 0 * * 1"], ["0 0 * * 1", "0 0 1 * *"]),
        (["*/10 * * * *", "*/15 * * * *"], ["*/10 * * * *", "*/15 * * * *"]),
        # the same ticks in two spellings
        (["0 0 * * 0", "0 0 * * 7"], ["0 0 * * 0"]),
        (["0 0 ? * *", "00 0 * * *"], ["0 0 * * *"]),
        (["0 8 * * 3#1", "0 8 * * 3#3"], ["0 8 * * 3#1", "0 8 * * 3#3"]),
        (["0 8 1 1 *", "0 8 * 1 6#1"], ["0 8 * 1 6#1", "0 8 1 1 *"]),
        # every minute covers everything
        (["* * * * *", "@hourly", "13 4 * * 2", "0 8 * * 3#1", "59 23 L * *"], ["* * * * *"]),
        # day and weekday are alternatives, so neither half of the week joins the other
        (["0 0 1 * 1-3", "0 0 1 * 0,4-6"], ["0 0 1 * 0,4-6", "0 0 1 * 1-3"]),
    ],
)
def test_the_list_is_exact(crons: list[str], expected: list[str]) -> None:
    result = exact_list(crons)
    assert result == tuple(expected)
    for some in (*EDGES, *WEEKS):
        assert union(result, some) == union(crons, some)


@settings(max_examples=60, deadline=None)
@given(crons=sets_of_crons, days=st.sampled_from(WEEKS), shuffled=st.randoms(use_true_random=False))
def test_exactly_the_union_in_any_order(
    crons: list[str], days: Window, shuffled: random.Random
) -> None:
    result = exact_list(crons)
    assert len(result) <= len({*crons})
    for some in (*EDGES, days):
        assert union(result, some) == union(crons, some)
    assert {tick for cron in result for tick in dagster_ticks(cron, days)} == union(crons, days)
    shuffled.shuffle(crons)
    assert exact_list(crons) == result
    assert set(exact_list(result)) == set(result)


# Valid for SQLMesh's croniter; Dagster's older one reads some of them differently or not at all.
READ_DIFFERENTLY = [
    *("59/7 * * * *", "0 23/6 * * *", "0 0 31/2 * *", "0 0 1 12/3 *", "0 0 * * 6/2"),
    *("0 0 * * SAT/2", "*,5 3 * * *", "0 0 ? * *", "0 0 *,5 * 1", "0 0 * * L5"),
    *("0 0 * * 3#1", "0 0 15,L * *", "0 0 * JAN-MAR fri-mon", "0 *,3 * * *"),
    *("0 22-2 * * 5-7", "58-2 * * * *", "0/15 8 * * *", "*/61 * * * *"),
    # a week spelled out is not `*`: with a day of the month it means every day
    *("0 0 18 6,8 0-7", "0 0 25 * THU-4", "0 0 18 1,9 */1", "0 0 L 9 0-6", "0 0 1-31 * 5"),
]


@pytest.mark.parametrize(
    ("cron", "same"),
    [
        # A day that never comes: Dagster's croniter and the oldest that we take find no tick in it.
        *(("0 0 30 2 1", "0 0 * 2 1"), ("0 12 31 4,9 4", "0 12 * 4,9 4")),
        *((cron, cron) for cron in READ_DIFFERENTLY),
    ],
)
def test_dagster_ticks_when_the_model_is_due(cron: str, same: str) -> None:
    for some in (*EDGES, *WEEKS, window("2024-08-30", "2024-10-03")):
        told = {tick for text in exact_list([cron]) for tick in dagster_ticks(text, some)}
        assert told == ticks(same, some)


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_dagster_yields_each_instant_of_a_list_once(timezone: str) -> None:
    """What makes a list of overlapping crons exact, also where clocks change."""
    crons = exact_list(["*/10 * * * *", "*/15 * * * *", "30 2 * * *"])
    start = datetime(2026, 3, 7, tzinfo=UTC)
    end = start + timedelta(days=25)  # both continents change their clocks in it
    iterator = schedule_execution_time_iterator(start.timestamp(), crons, timezone)
    found = list(takewhile(lambda tick: tick < end, iterator))
    assert len(found) == len({tick.timestamp() for tick in found})
    minutes = (start + timedelta(minutes=minute) for minute in range(25 * 24 * 60))
    wanted = [each for each in minutes if each.minute % 10 == 0 or each.minute % 15 == 0]
    assert [tick.timestamp() for tick in found] == [tick.timestamp() for tick in wanted]


@pytest.mark.parametrize(
    "cron",
    [
        *("0 0 0 * * *", "* * * * * *", "*/10 * * * * *", "0 0 * * * * 2025"),
        *("R R * * *", "r 3 * * *", "H H * * *", "H(0-5) 3 * * *", "R/15 * * * *"),
        *("0 0 31 2 *", "0 0 30,31 2 *", "0 0 31 4,6,9,11 *", "0 0 * * 1#6", "0 0 * * *#1"),
        # the weekday nearest to a day: Dagster does not know it
        *("0 0 1W * *", "0 0 15w * *", "0 0 W15 * *", "0 0 LW * *"),
        *("0 0 1#1 * *", "0 0 * * L", "61 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *"),
        *("0 0 * 13 *", "0 0 * FOO *", "0 0 * * 8", "-1 * * * *", "1.5 * * * *", "0 0 * *"),
        *("0", "", "  ", "banana", "every day", "@reboot", "@every 5m", "@nonsense"),
        *("0 0 * * * # midnight", "{{ cron }}", "'; drop table", "\x00", "\ud800 0 * * *"),
    ],
)
def test_a_cron_that_dagster_cannot_run_names_the_model(cron: str) -> None:
    models = [model(f"s.m{index}", cron="@daily") for index in range(9)]
    models.append(model("shop.sales.wrong", cron=cron, cron_tz="Asia/Tokyo"))
    with pytest.raises(ProjectError) as caught:
        schedules(models)
    assert str(caught.value).startswith("model shop.sales.wrong: Dagster cannot run the cron ")
    assert caught.value.exit_code == 3
    assert "five fields" in caught.value.hint
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_any_text_is_a_cron_or_an_error(text: str) -> None:
    try:
        (result,) = exact_list([text])
    except ProjectError:
        return
    assert len(result.split()) == 5


def test_standalone_audits_are_due_like_models() -> None:
    audits = (
        standalone("one", "s.orders", cron="30 2 * * *"),
        replace(standalone("two", "s.orders", cron="@hourly"), cron_tz="Asia/Tokyo"),
    )
    assert schedules([model("s.orders")], audits) == (
        Schedule("UTC", ("0 0 * * *", "30 2 * * *")),
        Schedule("Asia/Tokyo", ("0 * * * *",)),
    )
    assert schedules([], audits[:1]) == (Schedule("UTC", ("30 2 * * *",)),)
    seed = model("s.seed", kind="SEED", cron="*/5 * * * *", cron_tz="Europe/Berlin")
    assert schedules([seed]) == schedules([]) == ()  # SQLMesh evaluates seeds in plans
    with pytest.raises(ProjectError, match="standalone audit total: Dagster cannot run the cron"):
        schedules([], [standalone("total", "s.orders", cron="0 0 0 * * *")])


def test_restatements_are_instants_of_the_schedule_in_utc() -> None:
    restated = model("s.a", cron_tz="Asia/Tokyo", auto_restatement_cron="0 12 * * *")

    assert schedules([restated]) == (
        Schedule("UTC", ("0 12 * * *",)),
        Schedule("Asia/Tokyo", ("0 0 * * *",)),
    )
    with pytest.raises(
        ProjectError, match=r"model s\.a: Dagster cannot run the cron 'H 1 \* \* \*'"
    ):
        schedules([replace(restated, auto_restatement_cron="H 1 * * *")])


def test_time_zones_have_schedules_of_their_own_utc_first() -> None:
    models = [
        model("s.a", cron="@daily", cron_tz="Europe/Berlin"),
        model("s.b", cron="@hourly", cron_tz="America/New_York"),
        model("s.c", cron="@daily", cron_tz="America/New_York"),
        model("s.d", cron="30 2 * * *"),
        model("s.e", cron="@daily", cron_tz="UTC"),
    ]
    expected = (
        Schedule("UTC", ("0 0 * * *", "30 2 * * *")),
        Schedule("America/New_York", ("0 * * * *",)),
        Schedule("Europe/Berlin", ("0 0 * * *",)),
    )
    assert schedules(models) == expected
    assert schedules(models[::-1]) == expected
    assert schedules(models[:3]) == expected[1:]


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        ("0,10 * * * *", 50),
        ("0 6,8 * * *", 22 * 60),
        ("0,30 6-7 * * *", 22 * 60 + 30),
        ("@weekly", 7 * 24 * 60),
        ("0 0 1,15 * *", 17 * 24 * 60),
        ("0 0 31 * *", 61 * 24 * 60),
        ("0 0 29 2 *", 1461 * 24 * 60),
    ],
)
def test_the_longest_gap(cron: str, minutes: int) -> None:
    assert longest_gap(cron, "UTC") == minutes
    assert longest_gap(cron, "Europe/Berlin") == minutes + 60
