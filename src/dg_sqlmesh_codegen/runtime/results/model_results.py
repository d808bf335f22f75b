"""Makes the results of single models from what SQLMesh has reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import dagster as dg

from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.selection import Selection
from dg_sqlmesh_codegen.runtime.text import display_name

from . import checks, metadata
from .failures import failed_upstream
from .progress import ModelErrors, Progress, RunState


@dataclass(slots=True)
class ModelResults:
    """Makes materializations and check results of the models of one run."""

    state: RunState
    selection: Selection
    _upstream: dict[str, frozenset[str]] = field(default_factory=dict)

    def materialization(self, model: ModelAsset, progress: Progress) -> dg.MaterializeResult[None]:
        """Return the result of a model whose last batch has ended."""
        facts = metadata.of_evaluation(progress.due, progress.evaluated)
        facts |= metadata.of_other_version(progress.due, model.spec.code_version)
        results = [*self.audit_checks(model)]
        if model.has_status_check:
            results.append(checks.status(model, True, "evaluated", facts))
        if model.spec.key in self.selection.assets:
            results = [*self.selected(results)]
        return dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata=facts,
            # The version of the snapshot is that of the definition, the run is that of the data.
            data_version=dg.DataVersion(f"{progress.due.version}-{self.selection.run_id}"),
            check_results=results,
        )

    def recovered(self, model: ModelAsset, run_id: str) -> dg.MaterializeResult[None]:
        """Return the result of a model that an earlier run evaluated. Its audits are unknown."""
        version = self.state.promoted[model.fqn].version
        facts = metadata.of_recovered_evaluation(version, run_id)
        status = checks.status(model, True, "evaluated", facts)
        return dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata=facts,
            data_version=dg.DataVersion(f"{version}-{run_id}"),
            check_results=list(self.selected([status])),
        )

    def audit_checks(self, model: ModelAsset) -> Iterator[dg.AssetCheckResult]:
        """Yield a result for each audit that ran: SQLMesh runs all of a model's after a batch."""
        progress = self.state.progress.get(model.fqn)
        if progress is None:
            return
        errors = self.state.failed.get(model.fqn, ModelErrors())
        failed_audits = progress.failed_audits
        reported: set[dg.AssetCheckKey] = set()
        for use in progress.due.audits:  # a model can have the same use twice; it is one check
            check = checks.check_for(model, use, progress.due.audits)
            failed = failed_audits.get(use)
            # If a batch failed before its audits, no audit has passed on all of the data.
            certain = failed is not None or errors.only_audits
            if check and certain and check.spec.key not in reported:
                reported.add(check.spec.key)
                yield checks.audit_result(check, failed, blocking=use in errors.blocking_audits)

    def not_evaluated(self, model: ModelAsset) -> dg.AssetCheckResult:
        """Return the execution status of a model that was not evaluated."""
        state = self.state
        failed = state.failed.get(model.fqn)
        if failed:
            error = {"sqlmesh/error": dg.TextMetadataValue(failed.message)}
            return checks.status(model, False, "failed", error)
        if model.fqn in state.skipped:
            # SQLMesh has ended, so it is computed once.
            self._upstream = self._upstream or failed_upstream(state.promoted, state.failed)
            upstream = sorted(map(display_name, self._upstream.get(model.fqn, ())))
            facts = {"sqlmesh/failed_upstream": dg.JsonMetadataValue(upstream)}
            return checks.status(model, False, "skipped", facts)
        if model.fqn in state.not_promoted:
            remedy = {"sqlmesh/error": dg.TextMetadataValue(f"Run `{state.plan_command}`")}
            return checks.status(model, False, "not promoted", remedy)
        progress = state.progress.get(model.fqn)
        if progress and not progress.due.batches:
            return checks.status(model, True, "waiting for its signals", {})
        next_due = metadata.of_next_due(state.promoted.get(model.fqn))
        return checks.status(model, True, "not due", next_due)

    def selected(self, results: Iterable[dg.AssetCheckResult]) -> Iterator[dg.AssetCheckResult]:
        """Yield the results whose checks are selected."""
        wanted = self.selection.checks
        yield from (result for result in results if checks.key(result) in wanted)
