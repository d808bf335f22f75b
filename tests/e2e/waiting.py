"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# A limit for what has to happen, not an assertion of speed: the machine may be busy.
PATIENCE = 900.0

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str) -> T:
    """Return the condition's first true value; an AssertionError says what never happened.

    What takes long is looked at less often: a look at a server costs both processes time.
    """
    started = time.monotonic()
    while (waited := time.monotonic() - started) < PATIENCE:
        value = condition()
        if value:
            return value
        time.sleep(min(0.1 + waited / 20, 1.0))
    raise AssertionError(f"Not within {PATIENCE:.0f} seconds: {what}")
