"""One SQLMesh run inside of one Dagster step."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import dagster as dg

from .dagster import compat, event_log
from .errors import RunError, SetupError, StateBusyError
from .events import Event, Level, Message
from .recovery import lost as find_lost
from .results.run_results import RunResults, SQLMeshResult
from .results.yield_order import Order
from .worker import SQLMeshRun


class Step:
    """One SQLMesh run inside of one step: its events become results, and it can be stopped."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        run: SQLMeshRun,
        results: RunResults,
        order: Order,
    ) -> None:
        self._context = context
        self._run = run
        self._results = results
        self._order = order
        self._in_flight: tuple[SQLMeshResult, float] | None = None
        self._over = False

    def results(self) -> Iterator[SQLMeshResult]:
        """Yield everything there is to say of the run, and raise what it fails with."""
        error = yield from self._stream()
        lost = {} if error else find_lost(self._context.instance, self._results.unheard())
        for result in self._results.finish(aborted=error is not None, lost=lost):
            yield from self._yieldable(result)
        failure = self._results.failure(error)
        if failure:
            raise failure

    def _stream(self) -> Generator[SQLMeshResult, None, Exception | None]:
        """Yield results while SQLMesh runs, and return the error that ended the run as a whole."""
        refused: dg.Failure
        try:
            for event in self._run.events():
                yield from self._take(event)
        except SetupError as error:
            refused = dg.Failure(str(error), allow_retries=False)
        except StateBusyError as error:
            refused = dg.Failure(f"Another process is using SQLMesh's state: {error}")
        except RunError as error:
            if error.traceback:
                self._context.log.error(f"SQLMesh's run failed: {error.traceback}")
            return error
        else:
            return None
        finally:
            # Otherwise the run is being stopped, or Dagster takes no more of the step.
            self.stop()
        # Outside of the `except`: its cause would say the same again, below a traceback.
        raise refused

    def stop(self) -> None:
        """Stop SQLMesh if it runs, and write down what it had finished: no run does it again."""
        with compat.deferred_interrupts():
            # Once, whatever comes of it: Python closes an abandoned op when nobody expects it.
            in_flight, self._in_flight = self._in_flight, None
            finished = self._stopped()  # first: Dagster's storage may be away
            if in_flight:
                # Dagster was stopped while it wrote this: a model without some of its checks.
                event_log.log_unwritten(self._context, *in_flight)
            for event in finished:
                for result in self._results.handle(event):
                    if not isinstance(result, Message):
                        event_log.log_results(self._context, result)

    def _stopped(self) -> list[Event]:
        if self._over or self._run.is_over:
            return []
        self._over = True
        try:
            self._context.log.info(
                "Stopping SQLMesh: it starts no other model, and running queries are cancelled"
            )
        finally:
            finished = self._run.stop()
        return finished

    def _take(self, event: Event) -> Iterator[SQLMeshResult]:
        """Take an event in; log what there is to log, and yield what the step may yield."""
        for result in self._results.handle(event):
            if isinstance(result, Message):
                _log(self._context, result)
            else:
                yield from self._yieldable(result)

    def _yieldable(self, result: SQLMeshResult) -> Iterator[SQLMeshResult]:
        if not self._order.allows(result):
            event_log.log_results(self._context, result)
            return
        self._order.note(result)
        self._in_flight = (result, time.time())
        yield result
        self._in_flight = None


def _log(context: dg.AssetExecutionContext, message: Message) -> None:
    if message.level is Level.ERROR:
        context.log.error(message.text)
    elif message.level is Level.WARNING:
        context.log.warning(message.text)
    else:
        context.log.info(message.text)
