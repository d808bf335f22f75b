"""A cron in words, such as `every day at 06:30 UTC`."""

from __future__ import annotations

import calendar

_ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = {str(number): calendar.month_name[number] for number in range(1, 13)}
_WEEKDAYS = {str(number): f"every {calendar.day_name[number - 1]}" for number in range(8)}
_WEEKDAYS |= {"*": "every day", "1-5": "Monday to Friday"}


def in_words(cron: str, timezone: str) -> str | None:
    """Return what a cron means; None for one that is easier to read as it is."""
    match _ALIASES.get(cron, cron).split():
        case ["*", "*", "*", "*", "*"]:
            return "every minute"
        case [minute, "*", "*", "*", "*"] if number := _step(minute, 60):
            return f"every {number} minutes"
        case [minute, "*", "*", "*", "*"] if minute.isdecimal():
            return "every hour" if int(minute) == 0 else f"every hour at minute {minute}"
        case [minute, hour, "*", "*", "*"] if minute == "0" and (number := _step(hour, 24)):
            return f"every {number} hours ({timezone})"
        case [minute, hour, *days] if minute.isdecimal() and hour.isdecimal():
            found = _days(days)
            return f"{found} at {int(hour):02}:{int(minute):02} {timezone}" if found else None
    return None


def _step(field: str, whole: int) -> int | None:
    """Return n for `*/n`, if every step is the same: 7 minutes are no part of an hour."""
    number = field.removeprefix("*/")
    is_step = number != field and number.isdecimal() and 1 < int(number) < whole
    return int(number) if is_step and whole % int(number) == 0 else None


def _days(fields: list[str]) -> str | None:
    match fields:
        case ["*", "*", weekday]:
            return _WEEKDAYS.get(weekday)
        case [day, "*", "*"] if day.isdecimal():
            return f"on day {day} of every month"
        case [day, month, "*"] if day.isdecimal() and month in _MONTHS:
            return f"every {_MONTHS[month]} {day}"
    return None
