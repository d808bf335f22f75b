"""The names of models and the intervals as users read them."""

import pytest

from dg_sqlmesh_codegen.runtime.text import display_name, time_range

HOUR = 60 * 60 * 1000
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("fqn", "name"),
    [
        ('"shop"."marts"."orders"', "shop.marts.orders"),
        ('"shop"."say ""hi"""."a"', 'shop.say "hi".a'),
        ('""""."x.y"', '".x.y'),
        ("assert_positive", "assert_positive"),  # a standalone audit
    ],
)
def test_a_display_name_has_no_quotes_of_sqlmesh(fqn: str, name: str) -> None:
    assert display_name(fqn) == name


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (0, DAY, "1970-01-01"),
        (DAY, 3 * DAY, "1970-01-02, 1970-01-03"),
        (0, HOUR, "1970-01-01 00:00:00, 1970-01-01 00:59:59"),
    ],
)
def test_an_interval_is_shown_with_its_last_day_or_time(start: int, end: int, shown: str) -> None:
    assert time_range(start, end) == shown
