"""Signals while several files are replaced: the first one stops it, none stops the undoing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# ^C first: it is the one that is the first to be held back and the last to be let through.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_RAISES = (signal.SIG_DFL, signal.default_int_handler)


class InterruptedWrite(BaseException):
    """Raised where a signal arrives; whoever catches it undoes what was done and raises it on."""


class Interrupts:
    """What arrived, and whether the next one is held back.

    `held` is a plain attribute, so that setting it is one step that no signal can come into.
    """

    def __init__(self, raising: frozenset[int]) -> None:
        self.received: list[int] = []
        self.held = True
        self._raising = raising

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: raise, if it is one that ends a process, once and if not held back."""
        self.received.append(number)
        if number in self._raising and not self.held:
            self.held = True
            raise InterruptedWrite


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Take SIGINT, SIGTERM and SIGHUP for the time of the block, and pass them on after it.

    The first one raises `InterruptedWrite` in the block. From then on, and wherever `held` is set,
    they wait. Handlers that a host installed are called after the block, and raise nothing in it;
    ignored signals stay ignored. In a thread nothing is changed: Python has no handlers there.
    """
    previous = _handlers() if threading.current_thread() is threading.main_thread() else {}
    raising = frozenset(number for number, handler in previous.items() if handler in _RAISES)
    state = Interrupts(raising)
    try:
        for number in previous:
            signal.signal(number, state.receive)
        state.held = False
        yield state
    finally:
        state.held = True
        for number, handler in reversed(previous.items()):
            signal.signal(number, handler)
        # ^C last: it raises.
        for number in sorted(set(state.received), key=lambda number: number == signal.SIGINT):
            signal.raise_signal(number)


def _handlers() -> dict[int, signal._HANDLER]:
    """Return the handlers that can be put back, without those of ignored signals."""
    numbers = [int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    # None: a handler that C code installed.
    return {
        number: handler
        for number, handler in handlers.items()
        if handler is not None and handler is not signal.SIG_IGN
    }
