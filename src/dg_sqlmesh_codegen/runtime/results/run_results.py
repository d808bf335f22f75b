"""Turns the events of a SQLMesh run into Dagster results.

It uses no SQLMesh, no Dagster context and no clock. A model is materialized when its last batch has
ended. Everything else is reported by checks, and by the failure that ends the step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.due import Evaluated
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.text import counted, display_name, shortened

from . import checks, drift, failures
from .model_results import ModelResults
from .progress import ModelErrors, RunState

_NO_RESULT = "SQLMesh did not report a result for all of its batches"

SQLMeshResult = dg.MaterializeResult[None] | dg.AssetCheckResult


class RunResults:
    """Collects the events of one run, and yields each result as soon as it is certain."""

    def __init__(self, models: Sequence[ModelAsset], selection: Selection) -> None:
        """Take every model of the package, and what this step may report."""
        self.models = {model.fqn: model for model in models}
        self._standalone = {
            check.audit.name: check for model in models for check in model.standalone_checks
        }
        self.selection = selection
        self._state = RunState()
        self._results = ModelResults(self._state, selection)

    def handle(self, event: events.Event) -> Iterator[SQLMeshResult | events.Message]:
        """Take one event and yield the results that are now certain, and messages to log.

        Results can be of upstream models that are not selected. The op cannot yield those.
        """
        match event:
            case events.EnvironmentRead():
                yield from self._compare(event)
            case events.RunPlanned():
                yield from self._plan(event.models)
            case events.AuditFailed():
                yield from self._take_failed_audit(event)
            case events.BatchEnded():
                yield from self._end_batch(event)
            case events.RunEnded():
                yield from self._end_run(event)
            case events.ModelsSkipped():
                self._state.skipped |= set(event.fqns)
            case events.ModelFailed():
                self._state.failed.setdefault(event.fqn, ModelErrors()).found.append(event)
                name = display_name(event.fqn)
                yield events.Message(logging.ERROR, f"{name} failed: {event.message}")
                if event.retryable:  # after a blocking audit, a traceback does not help
                    yield events.Message(logging.DEBUG, f"{name}: {event.traceback}")
            case events.Message():
                yield event

    def take_evaluated_before(self) -> dict[dg.AssetKey, Evaluated]:
        """Return, once and upstream first, what was evaluated before and this run does not."""
        state = self._state
        evaluated, state.evaluated_before = state.evaluated_before, {}
        of_run = self._running() | state.settled
        return {
            self.models[fqn].spec.key: evaluated[fqn]
            for fqn in failures.upstream_first(state.promoted)
            if fqn in evaluated and fqn in self.models and fqn not in of_run
        }

    def shared_with_prod(self) -> set[dg.AssetKey]:
        """Return the assets whose table is prod's. Runs in prod report them."""
        shared = self._state.left_to_prod.shared
        return {model.spec.key for fqn, model in self.models.items() if fqn in shared}

    def below_running(self) -> set[dg.AssetKey]:
        """Return the assets downstream of models that SQLMesh is evaluating."""
        below = failures.failed_upstream(self._state.promoted, self._running())
        return {model.spec.key for fqn, model in self.models.items() if below.get(fqn)}

    def take_not_due(self, evaluated: Mapping[dg.AssetKey, Evaluated]) -> None:
        """Take selected models, upstream first, that are materialized although they are not due."""
        if self.selection.is_retry:
            return  # an earlier attempt can have evaluated them
        fqns = {model.spec.key: fqn for fqn, model in self.models.items()}
        for key, each in evaluated.items():
            fqn = fqns[key]
            # A model in progress without batches waits for its signals.
            if key in self.selection.assets and fqn not in self._state.progress:
                self._state.not_due[fqn] = each

    def current(self) -> Iterator[SQLMeshResult]:
        """Yield the results of models that are not due once no model upstream is running."""
        state = self._state
        if not state.not_due:
            return
        below = failures.failed_upstream(state.promoted, self._running() - state.settled)
        for fqn in [fqn for fqn in state.not_due if not below.get(fqn)]:
            state.current.add(fqn)
            yield self._results.not_due(self.models[fqn], state.not_due.pop(fqn))

    def finish(self, *, aborted: bool = False) -> Iterator[SQLMeshResult]:
        """Yield the results of the selected and due models that this run did not evaluate.

        Args:
            aborted: whether SQLMesh's run ended with an error. Models that it did not mention can
                have been due, so they get no result.
        """
        for fqn, evaluated in self._state.not_due.items():
            self._state.current.add(fqn)
            yield self._results.not_due(self.models[fqn], evaluated)
        for fqn, model in self.models.items():
            wanted = model.spec.key in self.selection.assets or fqn in self._state.progress
            if wanted and fqn not in {*self._state.evaluated, *self._state.current}:
                yield from self._finish_model(model, aborted)

    def failure(self, run_error: Exception | None = None) -> dg.Failure | None:
        """Return the failure that ends the step after all results, or None."""
        state = self._state
        reported = state.settled | state.current
        known = {*state.progress, *reported, *state.not_promoted, *state.left_to_prod.fqns}
        not_due = {
            fqn
            for fqn, model in self.models.items()
            if model.spec.key in self.selection.assets and fqn not in known
        }
        # SQLMesh did not mention them, and an error can have ended it before; see `finish`.
        unknown = run_error is not None or self.selection.is_retry
        return failures.of_step(state, run_error, set() if unknown else not_due)

    def _running(self) -> set[str]:
        return {fqn for fqn, each in self._state.progress.items() if each.due.batches}

    def _finish_model(self, model: ModelAsset, aborted: bool) -> Iterator[SQLMeshResult]:
        state, fqn = self._state, model.fqn
        if fqn in state.failed:
            yield from self._results.selected(self._results.audit_checks(model))
        # SQLMesh also skips models if the environment changes: it restarts the run, or gives up.
        is_skipped = fqn in state.skipped and bool(state.failed or not aborted)
        is_known = fqn in state.failed or is_skipped or fqn in state.not_promoted
        if not is_known and (aborted or self.selection.is_retry):
            return  # in a retry, a model can be "not due" because the first attempt evaluated it
        if model.has_status_check:
            yield from self._results.selected([self._results.not_evaluated(model)])

    def _compare(self, event: events.EnvironmentRead) -> Iterator[events.Message]:
        models = list(self.models.values())
        self._state.promoted = {model.fqn: model for model in event.models}
        self._state.plan_command = event.plan_command
        self._state.evaluated_before = event.evaluated
        self._state.left_to_prod = event.left_to_prod
        found = drift.compare(
            models,
            self.selection.nodes(models),
            self._state.promoted,
            partial=self.selection.partial,
        )
        self._state.not_promoted = found.not_promoted
        for line in found.warnings():
            yield events.Message(logging.WARNING, line)
        others = self.selection.checks_of_others(models)
        if others:
            text = "A run of assets does not run the checks of other assets. Run them alone"
            yield events.Message(logging.WARNING, f"{text}: {shortened(others)}")
        if not self.selection.audits_only:
            yield from self._name_left_to_prod()

    def _name_left_to_prod(self) -> Iterator[events.Message]:
        left, selected = self._state.left_to_prod, self.selection.nodes(self.models.values())
        for text, fqns in (
            ("are those of prod, and run in prod", selected & left.shared),
            ("wait for models that prod has not evaluated", selected & left.waiting.keys()),
        ):
            if fqns:
                names = shortened(sorted(map(display_name, fqns)))
                yield events.Message(logging.INFO, f"These models {text}: {names}")

    def _plan(self, due: Sequence[events.DueModel]) -> Iterator[events.Message]:
        restarted = "restarted because the environment changed, and "
        reason = restarted if self._state.progress else ""
        self._state.plan(due)
        selected = self.selection.nodes(self.models.values())
        upstream = sorted(display_name(model.fqn) for model in due if model.fqn not in selected)
        among = f", also upstream of the selection: {shortened(upstream)}" if upstream else ""
        yield events.Message(logging.INFO, f"SQLMesh {reason}evaluates {counted(due)}{among}")
        if self.selection.all_audits:
            for model in due:
                yield from self._unknown_audits(model)

    def _unknown_audits(self, due: events.DueModel) -> Iterator[events.Message]:
        model = self.models.get(due.fqn)
        unknown = [
            use.name for use in due.audits if model and not checks.check_for(model, use, due.audits)
        ]
        if unknown:
            yield events.Message(
                logging.WARNING,
                f"{display_name(due.fqn)} has audits that are not in the generated package: "
                f"{', '.join(unknown)}. Generate it again with `{drift.GENERATE}`.",
            )

    def _take_failed_audit(self, event: events.AuditFailed) -> Iterator[events.Message]:
        progress = self._state.progress.get(event.fqn)
        if progress is None:
            return
        progress.open_audits.append(event)
        model = self.models.get(event.fqn)
        if model and not checks.check_for(model, event.use, progress.due.audits):
            # It has no check, so the log is the only place.
            name = display_name(event.fqn)
            text = f"Audit {event.use.name} of {name} failed: it found {event.count} rows"
            yield events.Message(logging.WARNING, text)

    def _end_run(self, event: events.RunEnded) -> Iterator[SQLMeshResult | events.Message]:
        """Fail what SQLMesh has not reported to have gone well."""
        state = self._state
        if event.nothing_to_do:
            # After a restart: the plan that changed the environment has evaluated the rest.
            state.plan(())
        state.run_failed = event.failed
        unsettled = self._running() - state.settled
        for fqn in [fqn for fqn in state.progress if fqn in unsettled]:
            yield from self.handle(events.ModelFailed(fqn, _NO_RESULT, _NO_RESULT))

    def _end_batch(self, event: events.BatchEnded) -> Iterator[SQLMeshResult | events.Message]:
        progress = self._state.progress.get(event.fqn)
        if progress is None:
            return
        yield events.Message(logging.INFO, self._state.batch_line(event))
        if event.fqn in self._state.evaluated:
            return  # after a restart SQLMesh can evaluate a model again; it is reported once
        progress.batch_ended(event)
        if not progress.finished:
            return
        self._state.evaluated.add(event.fqn)
        if event.fqn in self.models:
            yield self._results.materialization(self.models[event.fqn], progress)
        elif event.fqn in self._standalone:
            failed = next(iter(progress.failed_audits.values()), None)
            check = self._standalone[event.fqn]
            result = checks.audit_result(check, failed, blocking=False)
            yield from self._results.selected([result])
