"""The schedule ticks when a model is due: no tick less, no tick more, no cron too many."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations, product
from types import FrameType
from typing import NoReturn
from zoneinfo import available_timezones

import pytest
from croniter import croniter
from dagster._utils.schedules import cron_string_iterator
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import model, standalone
from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.rendering.package import named_schedules
from dg_sqlmesh_codegen.schedules.crons import Schedule, schedules, smallest_exact_set
from dg_sqlmesh_codegen.schedules.fields import matching_days

Window = tuple[datetime, datetime]


def window(first: str, end: str) -> Window:
    return datetime.fromisoformat(first), datetime.fromisoformat(end)


def week(year: int, day: int) -> Window:
    start = datetime.fromisoformat(f"{year}-01-01") + timedelta(days=day)
    return start, start + timedelta(days=7)


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
    week(2001, 38),
    week(2016, 161),
    week(2024, 325),
    week(2026, 247),
    week(2029, 78),
    week(2044, 204),
)

MINUTES = ("0", "30", "15,45", "*/20", "5-7", "0-30/10", "59")
HOURS = ("*", "0", "12", "*/6", "9-17", "8-18/5", "23,1", "22-2")
# Few, because asking croniter for the days of 28 years takes its time; what was asked is cached.
DAYS = (
    "* * *",
    "* * 1-5",
    "* * 0,6",
    "* * MON",
    "* * 7",
    "* * 3#1",
    "* * FRI#5",
    "1 * *",
    "15 * *",
    "L * *",
    "15,L * *",
    "31 * *",
    "28-31 * *",
    "*/10 * *",
    "29 2 *",
    "1 1 *",
    "1 JAN *",
    "* 2 *",
    "* feb-apr *",
    "* */3 *",
    "13 * FRI",
    "1-7 * sun",
    "* 12 L5",
)
plain_crons = st.builds(
    lambda *fields: " ".join(fields),
    st.sampled_from(MINUTES),
    st.sampled_from(HOURS),
    st.sampled_from(DAYS),
)
sets_of_crons = st.lists(plain_crons, min_size=1, max_size=5)


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


def is_needed(cron: str, others: Sequence[str]) -> bool:
    """Whether the cron has a tick that no other has; tried for 28 years or 5,000 ticks."""
    iterator = croniter(cron, datetime.fromisoformat("2024-01-01"))
    for _ in range(5_000):
        tick = iterator.get_next(datetime)
        if tick.year > 2024 + 28:
            return False
        if not any(croniter.match(other, tick) for other in others):
            return True
    return False


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        pytest.fail(f"not done after {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize(
    ("crons", "expected"),
    [
        # the issue's
        (["@daily", "@hourly", "*/5 * * * *"], ["*/5 * * * *"]),
        (["0 0 * * *", "30 2 * * *"], ["0 0 * * *", "30 2 * * *"]),
        # one
        (["0 0 * * *"], ["0 0 * * *"]),
        (["* 3 * * *"], ["* 3 * * *"]),
        (["17 3 * * *", "17 3 * * *"], ["17 3 * * *"]),
        ([], []),
        # aliases are spelled out
        (["@yearly"], ["0 0 1 1 *"]),
        (["@annually"], ["0 0 1 1 *"]),
        (["@monthly"], ["0 0 1 * *"]),
        (["@weekly"], ["0 0 * * 0"]),
        (["@daily"], ["0 0 * * *"]),
        (["@midnight"], ["0 0 * * *"]),
        (["@hourly"], ["0 * * * *"]),
        (["@daily", "0 0 * * *", "@midnight"], ["0 0 * * *"]),
        # white space is not part of a cron
        (["  0\t0 *  * * "], ["0 0 * * *"]),
        # one covers the others
        (["@yearly", "@monthly", "@weekly", "@daily"], ["0 0 * * *"]),
        (["* 4 * * *", "13 4 * * *", "13 4 * * 2"], ["* 4 * * *"]),
        (["*/10 * * * *", "*/5 * * * *", "*/15 * * * *"], ["*/5 * * * *"]),
        (["0 0 * * *", "0 0 * * MON"], ["0 0 * * *"]),
        (["0 0 29 2 *", "0 0 29 * *"], ["0 0 29 * *"]),
        (["0 0 L * *", "0 0 28-31 * *"], ["0 0 28-31 * *"]),
        (["0 8 * * 3#1", "0 8 1-7 * *"], ["0 8 1-7 * *"]),
        (["0 8 * * 3#1", "0 8 * * 3"], ["0 8 * * 3"]),
        (["0 8 * * L5", "0 8 * * 5"], ["0 8 * * 5"]),
        (["0 0 13 * 5", "0 0 13 * *", "0 0 * * 5"], ["0 0 13 * 5"]),
        # none does
        (["*/10 0 * * *", "*/15 1 * * *"], ["*/10 0 * * *", "*/15 1 * * *"]),
        (["0 0 1 * *", "0 0 * * 1"], ["0 0 * * 1", "0 0 1 * *"]),
        (["0 0 L * *", "0 0 31 * *"], ["0 0 L * *"]),
        (["0 0 28 2 *", "0 0 29 2 *"], ["0 0 28,29 2 *"]),
        (["0 8 * * 3#1", "0 8 * * 3#3"], ["0 8 * * 3#1", "0 8 * * 3#3"]),
        (["0 8 * * 5#4", "0 8 * * L5"], ["0 8 * * 5#4", "0 8 * * L5"]),
        (["0 8 1 1 *", "0 8 * 1 6#1"], ["0 8 * 1 6#1", "0 8 1 1 *"]),
        # two are one
        (["0 0 * * *", "0 12 * * *"], ["0 0,12 * * *"]),
        (["0 * * * *", "30 * * * *"], ["0,30 * * * *"]),
        (["*/10 * * * *", "*/15 * * * *"], ["0,10,15,20,30,40,45,50 * * * *"]),
        (["0 0 * * 1", "0 0 * * 2", "0 0 * * 3"], ["0 0 * * 1-3"]),
        (["0 0 1 * *", "0 0 15 * *"], ["0 0 1,15 * *"]),
        (["0 0 1-15 * *", "0 0 16-31 * *"], ["0 0 * * *"]),
        (["0 0 * 1-6 *", "0 0 * 7-12 *"], ["0 0 * * *"]),
        (["0 0 L * *", "0 12 L * *"], ["0 0,12 L * *"]),
        (["0 0 * * 1", "0 12 * * 1", "0 0 * * 2", "0 12 * * 2"], ["0 0,12 * * 1,2"]),
        # day and weekday are alternatives, so neither half of the week joins the other
        (["0 0 1 * 1-3", "0 0 1 * 0,4-6"], ["0 0 1 * 0,4-6", "0 0 1 * 1-3"]),
    ],
)
def test_smallest_set(crons: list[str], expected: list[str]) -> None:
    result = smallest_exact_set(crons)
    assert result == tuple(expected)
    for some in (*EDGES, *WEEKS):
        assert union(result, some) == union(crons, some)


# What a person would see at a glance to be one cron.
@pytest.mark.parametrize(
    ("crons", "expected"),
    [
        (["0 * * * *", "0,30 0-11 * * *", "30 12-23 * * *"], ["0,30 * * * *"]),
        (["0 8 * * 3#1", "30 8 * * 3#1"], ["0,30 8 * * 3#1"]),
        (["0 8 * * L5", "30 8 * * L5"], ["0,30 8 * * L5"]),
        (["00 0 * * *", "0 12 * * *"], ["0 0,12 * * *"]),
        (["0 0 * * MON", "0 12 * * 1"], ["0 0,12 * * 1"]),
        (["0 0 1 JAN *", "0 0 2 1 *"], ["0 0 1,2 1 *"]),
        (["0 0 * * 0", "0 12 * * 7"], ["0 0,12 * * 0"]),
        (["0 0 ? * *", "0 12 * * *"], ["0 0,12 * * *"]),
        ([f"{minute} 0 * * *" for minute in range(0, 60, 5)], ["*/5 0 * * *"]),
        ([f"0 {hour} * * *" for hour in range(24)], ["0 * * * *"]),
    ],
)
def test_spelling_and_number_do_not_stand_in_the_way(crons: list[str], expected: list[str]) -> None:
    assert [cron.replace("MON", "1") for cron in smallest_exact_set(crons)] == expected


def test_every_minute_covers_everything() -> None:
    crons = ["* * * * *", "@hourly", "13 4 * * 2", "0 8 * * 3#1", "59 23 L * *"]
    assert smallest_exact_set(crons) == ("* * * * *",)


def test_a_weekly_cron_for_each_day_does_not_take_half_a_minute() -> None:
    with at_most(3):
        assert smallest_exact_set([f"30 1 * * {day}" for day in range(7)]) == ("30 1 * * *",)


def test_many_crons_have_no_redundant_one() -> None:
    choose = random.Random(5).choice  # noqa: S311 - the same crons in every run
    crons = [f"{choose(MINUTES)} {choose(HOURS)} {choose(DAYS[:4])}" for _ in range(40)]
    result = smallest_exact_set(crons)
    assert len(result) < len(crons)
    for some in EDGES:
        assert union(result, some) == union(crons, some)
    for cron in result:
        assert is_needed(cron, [other for other in result if other != cron])


def many_crons(days: Sequence[str], seed: int = 5) -> list[str]:
    """Return 300 crons that have little in common; no two tick at the same times."""
    draw = random.Random(seed)  # noqa: S311 - the same crons in every run
    found = {
        f"{draw.randrange(60)} {draw.randrange(24)} {draw.choice(days)}": None for _ in range(900)
    }
    return list(found)[:300]


DAILY = ("* * *",)
WEEKLY = tuple(f"* * {weekday}" for weekday in range(7))
YEARLY = tuple(f"{day} {month} *" for day in range(1, 29) for month in range(1, 13))
OF_ALL_KINDS = (*DAILY, *WEEKLY, "1 * *", "15 * *", "* 1-6 *", *YEARLY[:40])


@pytest.mark.parametrize("days", [DAILY, WEEKLY, YEARLY, OF_ALL_KINDS])
def test_hundreds_of_crons_are_covered_exactly(days: Sequence[str]) -> None:
    crons = many_crons(days)
    result = smallest_exact_set(crons)
    assert union_by_time(result) == union_by_time(crons)
    assert len(result) <= len(crons)
    for cron in result:
        mine = union_by_time([cron])
        others = union_by_time([other for other in result if other != cron])
        assert any(days & ~others.get(time, 0) for time, days in mine.items())


def union_by_time(crons: Iterable[str]) -> dict[tuple[int, int], int]:
    """Return on which days of all kinds of years they tick, for each hour and minute."""
    found: dict[tuple[int, int], int] = {}
    for minutes, hours, days in map(parts_of, crons):
        for time in product(hours, minutes):
            found[time] = found.get(time, 0) | days
    return found


@cache
def parts_of(cron: str) -> tuple[list[int], list[int], int]:
    minute, hour, *days = cron.split()
    read = croniter.expand(f"{minute} {hour} * * *")[0]
    minutes, hours = (
        list(range(size)) if values == ["*"] else [int(value) for value in values]
        for values, size in zip(read[:2], (60, 24), strict=True)
    )
    return minutes, hours, matching_days(" ".join(days))


@pytest.mark.parametrize("days", [DAILY, WEEKLY, OF_ALL_KINDS])
def test_the_work_of_hundreds_of_crons_is_bounded(days: Sequence[str]) -> None:
    """Counted in function calls, which are the same on every machine."""
    crons = many_crons(days)
    smallest_exact_set(crons)  # what croniter says of each is remembered
    assert calls_of(lambda: smallest_exact_set(crons)) < MOST_CALLS


MOST_CALLS = 1_000_000


def calls_of(function: Callable[[], object]) -> int:
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > MOST_CALLS:
            raise AssertionError("it goes on and on")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


@settings(max_examples=60, deadline=None)
@given(crons=sets_of_crons, days=st.sampled_from(WEEKS), shuffled=st.randoms(use_true_random=False))
def test_exactly_the_union_and_nothing_redundant(
    crons: list[str], days: Window, shuffled: random.Random
) -> None:
    result = smallest_exact_set(crons)
    assert len(result) <= len({*crons})
    for some in (*EDGES, days):
        assert union(result, some) == union(crons, some)
    for cron in result:
        assert is_needed(cron, [other for other in result if other != cron])
    other_order = list(crons)
    shuffled.shuffle(other_order)
    assert smallest_exact_set(other_order) == result
    assert set(smallest_exact_set(result)) == set(result)


@settings(max_examples=60, deadline=None)
@given(crons=sets_of_crons, shuffled=st.randoms(use_true_random=False))
def test_the_order_of_the_models_changes_nothing(crons: list[str], shuffled: random.Random) -> None:
    models = [model(f"s.m{index}", cron=cron) for index, cron in enumerate(crons)]
    expected = schedules(models)
    shuffled.shuffle(models)
    assert schedules(models) == expected
    assert expected == (Schedule("UTC", smallest_exact_set(crons)),)


# Subsets of three minutes times three hours: small enough to try every cover there is.
rectangles = st.builds(
    lambda minutes, hours: f"{minutes} {hours} * * *",
    *(
        st.lists(st.sampled_from(values), min_size=1, unique=True).map(
            lambda some: ",".join(map(str, sorted(some)))
        )
        for values in ((1, 21, 41), (2, 9, 17))
    ),
)


def cells(cron: str) -> frozenset[tuple[str, str]]:
    minutes, hours, *_ = cron.split()
    return frozenset(product(minutes.split(","), hours.split(",")))


def fewest(wanted: frozenset[tuple[str, str]]) -> int:
    """Return the size of the smallest cover, by trying all."""
    subsets = [
        [
            "-".join(some).replace("-", ",")
            for size in (1, 2, 3)
            for some in combinations(axis, size)
        ]
        for axis in (("1", "21", "41"), ("2", "9", "17"))
    ]
    inside = [
        found
        for minutes, hours in product(*subsets)
        if (found := cells(f"{minutes} {hours}")) <= wanted
    ]
    maximal = [some for some in inside if not any(some < other for other in inside)]
    return next(
        size
        for size in range(1, 10)
        if any(frozenset().union(*some) == wanted for some in combinations(maximal, size))
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(rectangles, min_size=1, max_size=5))
def test_no_smaller_set_exists(crons: list[str]) -> None:
    wanted = frozenset[tuple[str, str]]().union(*map(cells, crons))
    result = smallest_exact_set(crons)
    assert frozenset[tuple[str, str]]().union(*map(cells, result)) == wanted
    assert len(result) == fewest(wanted)


# "The weekday nearest to": Dagster does not know it.
REFUSED = ("0 0 1W * *", "0 0 15w * *", "0 0 W15 * *")


# Valid for SQLMesh's croniter; Dagster's older one reads some of them differently or not at all.
@pytest.mark.parametrize(
    "cron",
    [
        "59/7 * * * *",
        "0 23/6 * * *",
        "0 0 31/2 * *",
        "0 0 1 12/3 *",
        "0 0 * * 6/2",
        "0 0 * * SAT/2",
        *REFUSED,
        "*,5 3 * * *",
        "0 0 ? * *",
        "0 0 *,5 * 1",
        "0 0 * * L5",
        "0 0 * * 3#1",
        "0 0 15,L * *",
        "0 0 * JAN-MAR fri-mon",
        "0 *,3 * * *",
        "0 22-2 * * 5-7",
        "58-2 * * * *",
        "0/15 8 * * *",
        "*/61 * * * *",
        # a week spelled out is not `*`: with a day of the month it means every day
        "0 0 18 6,8 0-7",
        "0 0 25 * THU-4",
        "0 0 18 1,9 */1",
        "0 0 L 9 0-6",
        "0 0 1-31 * 5",
    ],
)
def test_dagster_ticks_when_the_model_is_due_or_the_cron_is_refused(cron: str) -> None:
    try:
        result = smallest_exact_set([cron])
    except ValueError:
        assert cron in REFUSED
        return
    autumn = window("2024-08-30", "2024-10-03")
    for some in (*EDGES, *WEEKS, autumn):
        told = {tick for text in result for tick in dagster_ticks(text, some)}
        assert told == ticks(cron, some)


@pytest.mark.parametrize(
    ("cron", "same"), [("0 0 30 2 1", "0 0 * 2 1"), ("0 12 31 4,9 4", "0 12 * 4,9 4")]
)
def test_a_day_that_never_comes_leaves_the_weekday(cron: str, same: str) -> None:
    """Dagster's croniter and the oldest that we take find no tick at all in it."""
    for some in (*EDGES, *WEEKS):
        told = {tick for text in smallest_exact_set([cron]) for tick in dagster_ticks(text, some)}
        assert told == ticks(same, some)


@settings(max_examples=25, deadline=None)
@given(crons=st.lists(plain_crons, min_size=1, max_size=3), days=st.sampled_from(WEEKS))
def test_dagster_ticks_at_the_same_times(crons: list[str], days: Window) -> None:
    told = {tick for cron in smallest_exact_set(crons) for tick in dagster_ticks(cron, days)}
    assert told == union(crons, days)


@pytest.mark.parametrize(
    "cron",
    [
        "0 0 0 * * *",
        "* * * * * *",
        "*/10 * * * * *",
        "0 0 * * * * 2025",
        "R R * * *",
        "r 3 * * *",
        "H H * * *",
        "H(0-5) 3 * * *",
        "R/15 * * * *",
        "0 0 31 2 *",
        "0 0 30,31 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 * * 1#6",
        "0 0 * * *#1",
        "0 0 1#1 * *",
        "0 0 LW * *",
        "0 0 * * L",
        "61 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 32 * *",
        "0 0 * 13 *",
        "0 0 * FOO *",
        "0 0 * * 8",
        "-1 * * * *",
        "1.5 * * * *",
        "0 0 * *",
        "0",
        "",
        "  ",
        "banana",
        "every day",
        "@reboot",
        "@every 5m",
        "@nonsense",
        "0 0 * * * # midnight",
        "{{ cron }}",
        "'; drop table",
        "\x00",
        "\ud800 0 * * *",
    ],
)
def test_a_cron_that_dagster_cannot_run_names_the_model(cron: str) -> None:
    models = [model("shop.sales.fine"), model("shop.sales.wrong", cron=cron)]
    with pytest.raises(ProjectError) as caught:
        schedules(models)
    assert str(caught.value).startswith("model shop.sales.wrong: Dagster cannot run the cron ")
    assert caught.value.exit_code == 3
    assert "five fields" in caught.value.hint
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"."):
        smallest_exact_set([cron])


def test_a_wrong_cron_is_found_among_many() -> None:
    models = [model(f"s.m{index}", cron="@daily") for index in range(50)]
    models.append(model("s.zone", cron="0 0 0 * * *", cron_tz="Asia/Tokyo"))
    with pytest.raises(ProjectError, match=r"model s\.zone"):
        schedules(models)


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_any_text_is_a_cron_or_a_value_error(text: str) -> None:
    try:
        result = smallest_exact_set([text])
    except ValueError:
        return
    assert len(result) == 1
    assert len(result[0].split()) == 5


def test_no_models_no_schedule() -> None:
    assert schedules([]) == ()


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


def test_a_wrong_cron_names_the_standalone_audit() -> None:
    with pytest.raises(ProjectError, match="standalone audit total: Dagster cannot run the cron"):
        schedules([model("s.orders")], [standalone("total", "s.orders", cron="0 0 0 * * *")])


def test_seeds_do_not_count() -> None:
    seed = model("s.seed", kind="SEED", cron="*/5 * * * *")
    assert schedules([seed]) == ()
    assert schedules([seed, model("s.orders")]) == (Schedule("UTC", ("0 0 * * *",)),)


def test_a_seed_does_not_bring_a_time_zone_either() -> None:
    seed = model("s.seed", kind="SEED", cron_tz="Europe/Berlin")
    assert [found.timezone for found in schedules([seed, model("s.orders")])] == ["UTC"]


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


def test_without_utc_the_time_zones_are_sorted() -> None:
    models = [model("s.a", cron_tz="Asia/Tokyo"), model("s.b", cron_tz="Africa/Cairo")]
    assert [found.timezone for found in schedules(models)] == ["Africa/Cairo", "Asia/Tokyo"]


def test_every_time_zone_gets_a_name_of_its_own() -> None:
    zones = sorted(available_timezones())
    named = named_schedules([Schedule(zone, ("0 0 * * *",)) for zone in zones])
    assert len({found.name for found in named}) == len(zones) > 400
    assert all(found.name.isidentifier() for found in named)
    assert next(found.name for found in named if found.timezone == "UTC") == (
        "sqlmesh_adaptive_schedule"
    )
