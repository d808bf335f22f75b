"""Run SQLMesh in a thread of its own and hand its events on while it works."""

from __future__ import annotations

from collections.abc import Generator
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread

from .events import Event
from .target import Evaluation, Target

# How long a stopped run waits for the batches that SQLMesh has begun, in seconds.
STOP_GRACE = 20.0


class _Ended:
    """Put last: the worker has returned, or raised `error`."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def stream(target: Target, evaluation: Evaluation) -> Generator[Event]:
    """Run SQLMesh once and yield what happens, as it happens.

    Closing the iterator, or an exception in its consumer, stops SQLMesh: no further batch is
    started, and those that are running get `STOP_GRACE` seconds.

    Args:
        target: the project and the environment.
        evaluation: which models, and the options of the run.

    Raises:
        Whatever `session.evaluate` raises, after the events that came before it; a RuntimeError in
        the place of what is no `Exception`.
    """
    queue: SimpleQueue[Event | _Ended] = SimpleQueue()
    stop = Flag()

    def work() -> None:
        error: BaseException | None = None
        try:
            # It imports SQLMesh, which takes seconds and no import of the package may do.
            from . import session  # noqa: PLC0415

            session.evaluate(target, evaluation, queue.put, stop)
        except BaseException as caught:  # noqa: BLE001 - raised again, by `stream`
            error = caught
        queue.put(_Ended(error))

    # A daemon: when the run's process is told to go, a query that hangs must not keep it. With
    # several tasks SQLMesh has threads of its own, which Python waits for.
    worker = Thread(target=work, name="sqlmesh-run", daemon=True)
    worker.start()
    try:
        while not isinstance(item := queue.get(), _Ended):
            yield item
    finally:
        stop.set()
        worker.join(STOP_GRACE)
    if isinstance(item.error, Exception):
        raise item.error
    if item.error is not None:
        # A python model that calls sys.exit ends SQLMesh's run, and must not end Dagster's process.
        raise RuntimeError(f"SQLMesh's run was ended by {item.error!r}") from item.error
