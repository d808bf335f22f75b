"""One SQLMesh run inside one Dagster step."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace

import dagster as dg

from . import plan_reports
from .dagster import compat, event_log
from .errors import RunError, SetupError, StateBusyError
from .events import Event, Message, RunEnded, RunPlanned
from .records import ModelAsset
from .results import checks
from .results.run_results import RunResults, SQLMeshResult
from .selection import Selection
from .text import shortened
from .worker import SQLMeshRun

_STOPPING = "Stopping SQLMesh: no other model starts, and running queries are canceled"


class YieldOrder:
    """What a step has yielded, and what Dagster still accepts.

    Dagster refuses a materialization after one of its children, by the edges of the package.
    SQLMesh follows the promoted edges, and after a restart it can evaluate an upstream model later.
    """

    def __init__(self, models: Iterable[ModelAsset], selection: Selection) -> None:
        """Take every model of the package, and what the step may report."""
        self._selection = selection
        self._children: dict[dg.AssetKey, set[dg.AssetKey]] = defaultdict(set)
        for model in models:
            for dep in model.spec.deps:
                if dep.asset_key != model.spec.key:
                    self._children[dep.asset_key].add(model.spec.key)
        self._yielded: set[dg.AssetKey] = set()

    @property
    def not_yielded(self) -> frozenset[dg.AssetKey]:
        """The selected assets that were not materialized."""
        return self._selection.assets - self._yielded

    def accepts(self, result: SQLMeshResult) -> bool:
        """Return whether the op may yield the result now, and count it as yielded if so.

        A model that was reported when the run started can be evaluated after a restart.
        """
        if isinstance(result, dg.AssetCheckResult):
            return checks.key(result) in self._selection.checks
        key = result.asset_key
        if key not in self._selection.assets or self._yielded & {key, *self._children[key]}:
            return False
        self._yielded.add(key)
        return True


@dataclass(slots=True)
class Step:
    """Turns the events of one SQLMesh run into the results of a step, and can stop the run."""

    context: compat.StepContext
    run: SQLMeshRun
    results: RunResults
    _order: YieldOrder = field(init=False)
    _in_flight: tuple[SQLMeshResult, float] | None = None

    def __post_init__(self) -> None:
        """Nothing is yielded yet."""
        self._order = YieldOrder(self.results.models.values(), self.results.selection)

    def execute(self) -> Iterator[SQLMeshResult]:
        """Run SQLMesh and yield every result.

        Raises:
            dagster.Failure: after all results, if a model or the run failed.
        """
        compat.hide_omitted_outputs(self.context)
        self.run.start()
        error = yield from self._stream()
        for result in self.results.finish(aborted=error is not None):
            yield from self._yield_or_log(result)
        failure = self.results.failure(error)
        if failure:
            raise failure
        self._log_held_back()

    def _log_held_back(self) -> None:
        """Name the assets that Dagster skips in this green run, and the key that changes it.

        After a retry it is not known: what an earlier attempt has yielded holds nothing back.
        """
        selection = self.results.selection
        if selection.is_retry or selection.materialize_not_due:
            return
        names = compat.downstream(self.context, self._order.not_yielded)
        if names:
            self.context.log.warning(
                f"Dagster skips {shortened(names)} in this run, because models upstream were not "
                'evaluated. With `not_due = "materialize"` models that are not due do not hold '
                "back what is downstream."
            )

    def stop(self) -> None:
        """Stop SQLMesh if it runs, and report what it finished: no later run evaluates it again."""
        with compat.deferred_interrupts():
            # Cleared first: Python can close an abandoned op at any time, and then calls this too.
            in_flight, self._in_flight = self._in_flight, None
            try:
                if not self.run.is_over:
                    self.context.log.info(_STOPPING)
            finally:
                finished = self.run.stop()  # even if Dagster's storage is unavailable
            if in_flight:
                # Dagster can have stored a materialization without some of its checks.
                event_log.log_missing(self.context, *in_flight)
            for event in finished:
                for result in self.results.handle(event):
                    if not isinstance(result, Message):
                        event_log.log_result(self.context, result)

    def _stream(self) -> Generator[SQLMeshResult, None, Exception | None]:
        """Yield results while SQLMesh runs, and return the error that ended the run, if any."""
        refused: dg.Failure
        try:
            for event in self.run.events():
                yield from self._handle(event)
        except SetupError as error:
            refused = dg.Failure(str(error), allow_retries=False)
        except StateBusyError as error:
            refused = dg.Failure(f"Another process is using SQLMesh's state: {error}")
        except RunError as error:
            if error.traceback:  # the failure has the message
                self.context.log.debug(f"SQLMesh's run failed: {error.traceback}")
            return error
        else:
            return None
        finally:
            # Does nothing if SQLMesh has ended. Otherwise the Dagster run is being stopped.
            self.stop()
        # Outside of `except`: the cause would repeat the message below a traceback.
        raise refused

    def _handle(self, event: Event) -> Iterator[SQLMeshResult]:
        for result in self.results.handle(event):
            if isinstance(result, Message):
                self.context.log.log(result.level, result.text)
            else:
                yield from self._yield_or_log(result)
        if isinstance(event, RunPlanned | RunEnded):
            yield from self._report_earlier()
        for result in self.results.current():
            yield from self._yield_or_log(result)

    def _report_earlier(self) -> Iterator[SQLMeshResult]:
        """Report what a plan or another run evaluated, before this run evaluates anything below."""
        evaluated = self.results.take_evaluated_before()
        selection, found = self.results.selection, {}
        known = plan_reports.data_versions(self.context.instance, evaluated)
        if selection.report_plans:
            others = {*known, *self.results.shared_with_prod()}
            found = {key: each for key, each in evaluated.items() if key not in others}
        if selection.materialize_not_due:
            self.results.take_not_due(
                {
                    key: replace(each, data_version=known.get(key))
                    for key, each in evaluated.items()
                    if key not in found
                }
            )
        # Dagster would refuse the results of their upstream models after them.
        below = self.results.below_running() if found else ()
        for key, each in found.items():
            result = plan_reports.result(key, each)
            if key in below:
                event_log.log_result(self.context, result)
            else:
                yield from self._yield_or_log(result)
        if found:
            self.context.log.info(plan_reports.message([*found]))

    def _yield_or_log(self, result: SQLMeshResult) -> Iterator[SQLMeshResult]:
        """Yield a result, or write it to the event log if Dagster would refuse it."""
        self._in_flight = (result, time.time())  # a signal can arrive while it is written
        if self._order.accepts(result):
            yield result
        else:
            event_log.log_result(self.context, result)
        self._in_flight = None
