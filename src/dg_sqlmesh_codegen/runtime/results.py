"""Events of a SQLMesh run -> Dagster results. Pure: no SQLMesh, no Dagster context, no clock.

Only what happened is reported. A model is materialized at the moment its last batch has ended
well; everything else is said in checks, and by the failure that ends the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from . import checks, metadata
from .assets import ModelAsset
from .events import (
    AuditFailed,
    BatchEnded,
    DueModel,
    EnvironmentRead,
    Event,
    Level,
    Message,
    ModelFailed,
    ModelsSkipped,
    PromotedModel,
    RunPlanned,
)
from .progress import Errors, Progress

SQLMeshResult = dg.MaterializeResult[None] | dg.AssetCheckResult


@dataclass(frozen=True, slots=True)
class Selection:
    """What Dagster wants of this step: assets, checks, and the id of the run for data versions.

    `is_retry`: an earlier attempt of the step has reported what it had finished.
    """

    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]
    run_id: str
    is_retry: bool = False


class RunResults:
    """Collects the events of one run and turns them into results as soon as they are certain."""

    def __init__(self, models: Sequence[ModelAsset], selection: Selection) -> None:
        """Take every model of the package and what of it this step may report."""
        self._models = {model.fqn: model for model in models}
        self._standalone = {
            check.audit: check for model in models for check in model.audits if check.standalone
        }
        self._selection = selection
        self._promoted: Mapping[str, PromotedModel] = {}
        self._progress: dict[str, Progress] = {}
        self._evaluated: set[str] = set()
        self._skipped: set[str] = set()
        self._failed: dict[str, Errors] = {}

    def handle(self, event: Event) -> Iterator[SQLMeshResult | dg.AssetMaterialization | Message]:
        """Take one event in and yield what it makes certain.

        Yields:
            Results to yield from the op; a plain `AssetMaterialization` for a model that SQLMesh
            evaluated although Dagster did not select it (`include_upstream`); messages to log.
        """
        match event:
            case EnvironmentRead():
                self._promoted = {model.fqn: model for model in event.models}
            case RunPlanned():
                yield from self._plan(event.models)
            case AuditFailed():
                self._take_failed_audit(event)
            case BatchEnded():
                yield from self._end_batch(event)
            case ModelsSkipped():
                self._skipped |= set(event.fqns)
            case ModelFailed():
                self._failed.setdefault(event.fqn, Errors()).add(event)
                # Where an audit refused the data, there is nothing to learn from a traceback.
                reason = event.traceback if event.retryable else event.message
                yield Message(Level.ERROR, f"{_name(event.fqn)} failed: {reason}")
            case Message():
                yield event

    def finish(self, *, aborted: bool = False) -> Iterator[SQLMeshResult]:
        """Yield the checks of the selected models that were not evaluated.

        Args:
            aborted: SQLMesh's run ended with an error: models of which nothing was heard may have
                been due, so nothing is said of them.
        """
        for fqn, model in self._models.items():
            if model.spec.key not in self._selection.assets or fqn in self._evaluated:
                continue
            if fqn in self._failed:
                yield from self._only_selected(self._audit_checks(model))
            unheard = fqn not in self._failed and fqn not in self._skipped
            if unheard and (aborted or self._selection.is_retry):
                continue  # in a retry "not due" means: the first attempt evaluated it, and said so
            yield from self._only_selected([self._not_evaluated(model)])

    def failure(self, run_error: Exception | None = None) -> dg.Failure | None:
        """Return what ends the step if a model, or the run, failed, after all results are out."""
        if not self._failed:
            return _run_failure(run_error) if run_error else None
        errors = [f"{_name(fqn)}: {error.message}" for fqn, error in sorted(self._failed.items())]
        skipped = sorted(_name(fqn) for fqn in self._skipped - self._evaluated - set(self._failed))
        description = f"SQLMesh could not evaluate {_counted(errors)}: {'; '.join(errors)}"
        if skipped:
            description += f". Skipped downstream: {', '.join(skipped)}"
        if run_error:
            description += f". SQLMesh's run ended with: {run_error}"
        return dg.Failure(
            description=description,
            metadata={
                "sqlmesh/failed": sorted(map(_name, self._failed)),
                "sqlmesh/skipped": skipped,
            },
            allow_retries=run_error is not None
            or any(error.retryable for error in self._failed.values()),
        )

    def _plan(self, due: Sequence[DueModel]) -> Iterator[Message]:
        restarted = bool(self._progress)
        before = self._progress
        self._progress = {
            model.fqn: before[model.fqn].again(model) if model.fqn in before else Progress(model)
            for model in due
        }
        # Of an attempt that was broken off, only what had been finished counts.
        self._skipped.clear()
        self._failed.clear()
        again = "started over, the environment was changed; " if restarted else ""
        yield Message(Level.INFO, f"SQLMesh {again}evaluates {_counted(due)}")
        for model in due:
            yield from self._unknown_audits(model)

    def _unknown_audits(self, due: DueModel) -> Iterator[Message]:
        model = self._models.get(due.fqn)
        unknown = [
            use.name for use in due.audits if model and not checks.check_for(model, use, due.audits)
        ]
        if unknown:
            yield Message(
                Level.WARNING,
                f"{_name(due.fqn)} has audits that the generated package does not know: "
                f"{', '.join(unknown)}. Generate it again with `python -m dg_sqlmesh_codegen`.",
            )

    def _take_failed_audit(self, event: AuditFailed) -> None:
        progress = self._progress.get(event.fqn)
        if progress is None:
            return
        before = progress.failed_audits.get(event.use)
        count = event.count + (before.count if before else 0)
        progress.failed_audits[event.use] = AuditFailed(event.fqn, event.use, count, event.query)

    def _end_batch(self, event: BatchEnded) -> Iterator[SQLMeshResult | dg.AssetMaterialization]:
        progress = self._progress.get(event.fqn)
        if progress is None or event.fqn in self._evaluated:
            return  # a restarted run may come to a model a second time: it is reported once
        progress.batches.append(event)
        if not progress.finished:
            return
        self._evaluated.add(event.fqn)
        if event.fqn in self._models:
            yield from self._materialization(self._models[event.fqn], progress)
        elif event.fqn in self._standalone:
            failed = next(iter(progress.failed_audits.values()), None)
            check = self._standalone[event.fqn]
            yield from self._only_selected([checks.audit_result(check, failed, blocking=False)])

    def _materialization(
        self, model: ModelAsset, progress: Progress
    ) -> Iterator[SQLMeshResult | dg.AssetMaterialization]:
        facts = metadata.of_evaluation(progress.due, progress.evaluated)
        if model.spec.key not in self._selection.assets:
            yield dg.AssetMaterialization(model.spec.key, metadata=facts)
            return
        results = [*self._audit_checks(model), checks.status(model, True, "evaluated", facts)]
        yield dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata=facts,
            # The snapshot's version says which definition, the run which data.
            data_version=dg.DataVersion(f"{progress.due.version}-{self._selection.run_id}"),
            check_results=list(self._only_selected(results)),
        )

    def _audit_checks(self, model: ModelAsset) -> Iterator[dg.AssetCheckResult]:
        """Yield a result for each audit that ran: SQLMesh runs all of a model's after a batch."""
        progress = self._progress.get(model.fqn)
        if progress is None:
            return
        errors = self._failed.get(model.fqn, Errors())
        reported: set[dg.AssetCheckKey] = set()
        for use in progress.due.audits:  # one use may stand there twice: it is one check
            check = checks.check_for(model, use, progress.due.audits)
            failure = progress.failed_audits.get(use)
            # Where a batch failed before its audits, none of them has passed on all of the data.
            certain = failure is not None or errors.only_audits
            if check and certain and check.spec.key not in reported:
                reported.add(check.spec.key)
                yield checks.audit_result(check, failure, blocking=use in errors.blocking_audits)

    def _not_evaluated(self, model: ModelAsset) -> dg.AssetCheckResult:
        failed = self._failed.get(model.fqn)
        if failed:
            return checks.status(model, False, "failed", metadata.of_failure(failed.message))
        if model.fqn in self._skipped:
            upstream = sorted(_name(fqn) for fqn in self._failed_upstream(model.fqn))
            return checks.status(model, False, "skipped", metadata.of_skip(upstream))
        if model.fqn in self._progress:
            return checks.status(model, True, "waiting for its signals", {})
        promoted = self._promoted.get(model.fqn)
        return checks.status(model, True, "not due", metadata.of_next_due(promoted))

    def _failed_upstream(self, fqn: str) -> set[str]:
        found: set[str] = set()
        seen = {fqn}
        waiting = [fqn]
        while waiting:
            promoted = self._promoted.get(waiting.pop())
            for parent in promoted.parents if promoted else ():
                if parent in self._failed:
                    found.add(parent)
                elif parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return found

    def _only_selected(
        self, results: Iterable[dg.AssetCheckResult]
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = self._selection.checks
        yield from (result for result in results if checks.key(result) in wanted)


def _run_failure(error: Exception) -> dg.Failure:
    return dg.Failure(f"SQLMesh's run failed: {type(error).__name__}: {error}")


def _counted(models: Sequence[object]) -> str:
    return "1 model" if len(models) == 1 else f"{len(models)} models"


def _name(fqn: str) -> str:
    return fqn.replace('"', "")
