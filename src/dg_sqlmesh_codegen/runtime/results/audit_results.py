"""Turns the events of a run of checks alone into Dagster results. No model is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import dagster as dg

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.due import DueModels
from dg_sqlmesh_codegen.runtime.records import ModelAsset, ModelCheck
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.text import clipped, display_name, shortened

from . import checks
from .model_results import DUE, iso_intervals
from .run_results import RunResults, SQLMeshResult

FindFailed = Callable[[DueModels], Mapping[str, str]]


class AuditResults(RunResults):
    """Collects the results of audits that ran without an evaluation, and reads the state."""

    def __init__(
        self, models: Sequence[ModelAsset], selection: Selection, find_failed: FindFailed
    ) -> None:
        """Take every model of the package, and what this step may report.

        Args:
            models: every model of the package.
            selection: the checks.
            find_failed: returns the runs in which due models failed, by fqn.
        """
        super().__init__(models, selection)
        self._find_failed = find_failed
        self._reported: set[dg.AssetCheckKey] = set()
        self._errors: dict[str, str] = {}

    def handle(self, event: events.Event) -> Iterator[SQLMeshResult | events.Message]:
        """Take one event and yield the results of the selected checks, and messages to log."""
        match event:
            case events.AuditEnded():
                yield from self._end_audit(event)
            case events.DueRead():
                yield from self._read_due(event.due)
            case _:
                yield from super().handle(event)

    def finish(self, *, aborted: bool = False) -> Iterator[SQLMeshResult]:
        """Yield the status of models that are not promoted, and find audits that did not run."""
        if not aborted:
            self._find_missing_audits()
        for fqn in self._state.not_promoted:
            if fqn in self.models and self.selection.has_status(self.models[fqn]):
                yield self._results.not_evaluated(self.models[fqn])

    def failure(self, run_error: Exception | None = None) -> dg.Failure | None:
        """Return the failure that ends the step if an audit did not run, or None."""
        failure = super().failure(run_error)
        if not self._errors:
            return failure
        errors = [f"{name}: {clipped(error)}" for name, error in sorted(self._errors.items())]
        parts = [f"SQLMesh could not run {shortened(errors, '; ')}"]
        parts += [str(failure.description)] if failure else []
        return dg.Failure(". ".join(parts))

    def _find_missing_audits(self) -> None:
        """Name the selected audits that the promoted models no longer have."""
        for fqn, model in self.models.items():
            for check in model.audit_checks:
                node = check.audit.name if check.audit.standalone else fqn
                selected = check.spec.key in self.selection.checks - self._reported
                if selected and node in self._state.promoted:
                    what = f"the audit of the check {check.spec.name} of {display_name(fqn)}"
                    self._errors[what] = "the promoted model does not have it"

    def _end_audit(self, event: events.AuditEnded) -> Iterator[SQLMeshResult]:
        check = self._check(event)
        if check is None or check.spec.key not in self.selection.checks - self._reported:
            return  # another use of the audit on the model; or the same use twice
        self._reported.add(check.spec.key)
        if event.count is None:
            name = display_name(event.fqn)
            self._errors[f"the audit {event.use.name} of {name}"] = event.message
            return
        failed = events.AuditFailed(event.fqn, event.use, event.count, event.query)
        facts: checks.Facts = {}
        if event.start_ms is not None and event.end_ms is not None:
            facts = {"sqlmesh/intervals": iso_intervals([(event.start_ms, event.end_ms)])}
        yield checks.audit_result(
            check, failed if event.count else None, blocking=event.blocking, facts=facts
        )

    def _check(self, event: events.AuditEnded) -> ModelCheck | None:
        model = self.models.get(event.fqn)
        if model is None:
            return self._standalone.get(event.fqn)
        return checks.check_for(model, event.use, event.uses)

    def _read_due(self, due: DueModels) -> Iterator[SQLMeshResult]:
        failed, self._state.left_to_prod = self._find_failed(due), due.left_to_prod
        for fqn, model in self.models.items():
            if fqn not in self._state.promoted or not self.selection.has_status(model):
                continue
            if fqn in failed:
                run_id = failed[fqn]
                facts = {"sqlmesh/failed_in_run": dg.DagsterRunMetadataValue(run_id)}
                yield checks.status(model, False, "failed", facts, f"in run {run_id}")
            elif fqn in due.models:
                yield checks.status(model, True, DUE, {})
            else:
                yield self._results.up_to_date(model, "up to date")
