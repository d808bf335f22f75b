"""Crons in words."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.runtime.cron_words import in_words


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("*/7 * * * *", None),  # 56 and 0 are four minutes apart
        ("*/0 * * * *", None),
        ("@hourly", "every hour"),
        ("15 * * * *", "every hour at minute 15"),
        ("0 */6 * * *", "every 6 hours (Europe/Berlin)"),
        ("@daily", "every day at 00:00 Europe/Berlin"),
        ("30 6 * * *", "every day at 06:30 Europe/Berlin"),
        ("30 6 * * 1-5", "Monday to Friday at 06:30 Europe/Berlin"),
        ("@weekly", "every Sunday at 00:00 Europe/Berlin"),
        ("0 0 * * 7", "every Sunday at 00:00 Europe/Berlin"),
        ("0 8 * * 1", "every Monday at 08:00 Europe/Berlin"),
        ("0 8 * * 3#1", None),
        ("0 8 1 * 1", None),  # on the first and on Mondays
        ("0 8 2 * *", "on day 2 of every month at 08:00 Europe/Berlin"),
        ("@yearly", "every January 1 at 00:00 Europe/Berlin"),
        ("0 0 1 13 *", None),
        ("0,30 6 * * *", None),
        ("0 6-8 * * *", None),
        ("nonsense", None),
    ],
)
def test_a_cron(cron: str, words: str | None) -> None:
    assert in_words(cron, "Europe/Berlin") == words
