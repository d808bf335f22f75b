"""Runs SQLMesh in a thread and hands over its events while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from .concurrency.cancel import Stop, exit_with_main_thread
from .errors import RunError
from .events import Event
from .run_target import Evaluation, Target

# How long a stopped run waits for running batches. Kubernetes kills a process after 30 seconds, and
# Dagster must still record that the run was canceled.
STOP_GRACE_SECONDS = 15.0
# A stopped run cancels again and again: between two queries there is nothing to cancel.
_CANCEL_INTERVAL_SECONDS = 1.0
# On Windows a signal does not interrupt a wait without a timeout.
_QUEUE_TIMEOUT_SECONDS = 5.0


class SQLMeshRun:
    """One SQLMesh run: `start` it, then take its `events`.

    Args:
        target: the project and the environment.
        evaluation: the models, and the options of the run.
    """

    def __init__(self, target: Target, evaluation: Evaluation) -> None:
        self._queue: SimpleQueue[Event | None] = SimpleQueue()  # None comes last
        self._error: BaseException | None = None
        self._stop = Stop()
        self._is_stopped = False  # `_stop` is also set if the lock of the state is lost
        self._threads_before: list[threading.Thread] = []
        # A daemon thread, so that a query that hangs does not keep the process alive.
        self._worker = threading.Thread(
            target=self._work, args=(target, evaluation), name="sqlmesh-run", daemon=True
        )

    def start(self) -> None:
        """Start the thread. Call it once."""
        self._threads_before = threading.enumerate()
        self._worker.start()

    def events(self) -> Iterator[Event]:
        """Yield each event when it happens.

        Raises:
            RunError: the run ended with an error that is not an `Exception`.
            Exception: every other error of `sqlmesh.run.evaluate`, after the events before it.
        """
        while (event := self._next()) is not None:
            yield event
        self._worker.join()
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            # A Python model that calls sys.exit must not end the process.
            raise RunError(
                f"SQLMesh's run ended with {type(self._error).__name__}"
            ) from self._error

    @property
    def is_over(self) -> bool:
        """Whether SQLMesh was stopped, or has ended and all events were taken."""
        return self._is_stopped or (not self._worker.is_alive() and self._queue.empty())

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> list[Event]:
        """Stop SQLMesh and return the events that `events` has not yielded.

        No further batch starts. Running queries are canceled if their driver can; everything else
        has `grace_seconds` to finish. Nothing is left if the run `is_over`.
        """
        if self.is_over:
            return []
        self._is_stopped = True
        self._stop.set()
        waited = 0.0
        while self._worker.is_alive() and waited < grace_seconds:
            self._stop.cancel()
            self._worker.join(_CANCEL_INTERVAL_SECONDS)
            waited += _CANCEL_INTERVAL_SECONDS
        if self._worker.is_alive():
            exit_with_main_thread(self._threads_before)
        items = [self._queue.get() for _ in range(self._queue.qsize())]
        return [item for item in items if item is not None]

    def _work(self, target: Target, evaluation: Evaluation) -> None:
        try:
            # Imports SQLMesh: at execution time only.
            from .sqlmesh import run  # noqa: PLC0415

            run.evaluate(target, evaluation, self._queue.put, self._stop)
        except BaseException as caught:  # noqa: BLE001 - `events` raises it again
            self._error = caught
        self._queue.put(None)

    def _next(self) -> Event | None:
        while True:
            with suppress(Empty):
                return self._queue.get(timeout=_QUEUE_TIMEOUT_SECONDS)
