"""Run SQLMesh in a thread of its own and hand its events on while it works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

from .concurrency.cancel import Stop, leave_with_main_thread
from .errors import RunError
from .events import Event
from .run_target import Evaluation, Target

# How long a stopped run waits for what SQLMesh has begun, in seconds. Kubernetes kills a process
# after 30 seconds, and Dagster has to write down that the run was canceled, too.
STOP_GRACE = 15.0
# How often a stopped run cancels what is running: between two queries there is nothing to cancel.
_CANCEL_EVERY = 1.0
# On Windows a wait without an end is not interrupted by a signal.
_WAIT = 5.0


class _Ended:
    """Put last: the worker has returned, or raised `error`."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class SQLMeshRun:
    """One SQLMesh run: started when made, and over when its events are.

    Args:
        target: the project and the environment.
        evaluation: which models, and the options of the run.
    """

    def __init__(self, target: Target, evaluation: Evaluation) -> None:
        """Start SQLMesh."""
        self._queue: SimpleQueue[Event | _Ended] = SimpleQueue()
        self._stop = Stop()
        self._threads_before = threading.enumerate()
        # A daemon: when the run's process is told to go, a query that hangs must not keep it.
        self._worker = threading.Thread(
            target=self._work, args=(target, evaluation), name="sqlmesh-run", daemon=True
        )
        self._worker.start()

    def events(self) -> Iterator[Event]:
        """Yield what happens, as it happens.

        Raises:
            Whatever `session.evaluate` raises, after the events that came before it; a RunError in
            the place of what is no `Exception`.
        """
        while not isinstance(item := self._next(), _Ended):
            yield item
        self._worker.join()
        if isinstance(item.error, Exception):
            raise item.error
        if item.error is not None:
            # A python model that calls sys.exit ends SQLMesh's run, and must not end the process.
            raise RunError(f"SQLMesh's run was ended by {item.error!r}") from item.error

    @property
    def is_over(self) -> bool:
        """Whether SQLMesh has ended and every event was taken."""
        return not self._worker.is_alive() and self._queue.empty()

    def stop(self, grace: float = STOP_GRACE) -> list[Event]:
        """Stop SQLMesh and return what has happened since the last of `events`.

        No further batch is started, running queries are cancelled where their driver can, and what
        cannot be cancelled gets `grace` seconds to end.
        """
        self._stop.set()
        waited = 0.0
        while self._worker.is_alive() and waited < grace:
            self._stop.cancel()
            self._worker.join(_CANCEL_EVERY)
            waited += _CANCEL_EVERY
        if self._worker.is_alive():
            leave_with_main_thread(self._threads_before)
        return self._rest()

    def _work(self, target: Target, evaluation: Evaluation) -> None:
        error: BaseException | None = None
        try:
            # It imports SQLMesh, which takes seconds and no import of the package may do.
            from .sqlmesh import run  # noqa: PLC0415

            run.evaluate(target, evaluation, self._queue.put, self._stop)
        except BaseException as caught:  # noqa: BLE001 - raised again, by `events`
            error = caught
        self._queue.put(_Ended(error))

    def _next(self) -> Event | _Ended:
        while True:
            try:
                return self._queue.get(timeout=_WAIT)
            except Empty:
                continue

    def _rest(self) -> list[Event]:
        events: list[Event] = []
        while True:
            try:
                item = self._queue.get_nowait()
            except Empty:
                return events
            if not isinstance(item, _Ended):
                events.append(item)
