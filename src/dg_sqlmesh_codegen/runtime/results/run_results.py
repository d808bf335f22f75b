"""Events of a SQLMesh run -> Dagster results. Pure: no SQLMesh, no Dagster context, no clock.

Only what happened is reported. A model is materialized at the moment its last batch has ended
well; everything else is said in checks, and by the failure that ends the step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter

import dagster as dg

from dg_sqlmesh_codegen.runtime.events import (
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
    RunEnded,
    RunPlanned,
)
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.selection import Selection, Unheard
from dg_sqlmesh_codegen.runtime.text import counted, plain

from . import checks, drift, failures, metadata
from .failures import Blame
from .progress import Errors, Progress

SQLMeshResult = dg.MaterializeResult[None] | dg.AssetCheckResult


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
        self._unpromoted: tuple[str, ...] = ()
        self._plan_command = ""
        self._blame: Blame | None = None
        self._progress: dict[str, Progress] = {}
        self._evaluated: set[str] = set()
        self._skipped: set[str] = set()
        self._failed: dict[str, Errors] = {}

    def handle(self, event: Event) -> Iterator[SQLMeshResult | Message]:
        """Take one event in and yield what it makes certain.

        Yields:
            Results, also of models that SQLMesh evaluated although Dagster did not select them
            (`include_upstream`): these cannot be yielded from the op; messages to log.
        """
        match event:
            case EnvironmentRead():
                yield from self._compare(event)
            case RunPlanned():
                yield from self._plan(event.models)
            case AuditFailed():
                yield from self._take_failed_audit(event)
            case BatchEnded():
                yield from self._end_batch(event)
            case RunEnded(nothing_to_do=True):
                # Said of the whole: where it started over, what was left had been done by the plan.
                self._plan_again({})
            case ModelsSkipped():
                self._skipped |= set(event.fqns)
            case ModelFailed():
                self._failed.setdefault(event.fqn, Errors()).add(event)
                # Where an audit refused the data, there is nothing to learn from a traceback.
                reason = event.traceback if event.retryable else event.message
                yield Message(Level.ERROR, f"{plain(event.fqn)} failed: {reason}")
            case Message():
                yield event

    def unheard(self) -> list[Unheard]:
        """Return the selected models that SQLMesh had nothing to do for."""
        heard = {*self._evaluated, *self._progress, *self._failed, *self._skipped}
        return [
            Unheard(model.spec.key, fqn, promoted.altered / 1000)
            for fqn, model in self._models.items()
            if model.spec.key in self._selection.assets
            and fqn not in heard
            and (promoted := self._promoted.get(fqn))
            and promoted.altered
        ]

    def finish(
        self, *, aborted: bool = False, lost: Mapping[dg.AssetKey, str] | None = None
    ) -> Iterator[SQLMeshResult]:
        """Yield the checks of the selected models that were not evaluated.

        Args:
            aborted: SQLMesh's run ended with an error: models of which nothing was heard may have
                been due, so nothing is said of them.
            lost: by asset, the run that evaluated it and did not live to say so; it is made up for.
        """
        made_up = lost or {}
        for model in self._upstream_first(made_up):
            yield self._made_up(model, made_up[model.spec.key])
        for fqn, model in self._models.items():
            if model.spec.key not in self._selection.assets or fqn in self._evaluated:
                continue
            if model.spec.key in made_up:
                continue
            if fqn in self._failed:
                yield from self._only_selected(self._audit_checks(model))
            unheard = not (fqn in self._failed or fqn in self._skipped or fqn in self._unpromoted)
            if unheard and (aborted or self._selection.is_retry):
                continue  # in a retry "not due" means: the first attempt evaluated it, and said so
            yield from self._only_selected([self._not_evaluated(model)])

    def failure(self, run_error: Exception | None = None) -> dg.Failure | None:
        """Return what ends the step if a model, or the run, failed, after all results are out."""
        failure = None
        if self._failed:
            skipped = self._skipped - self._evaluated - set(self._failed)
            failure = failures.of_models(self._failed, skipped, run_error)
        elif run_error:
            failure = failures.of_run(run_error)
        if not self._unpromoted:
            return failure
        unpromoted = f"{drift.unpromoted(self._unpromoted)}. {drift.promoting(self._plan_command)}"
        if failure is None:
            return dg.Failure(unpromoted, allow_retries=False)
        return dg.Failure(
            f"{failure.description}. {unpromoted}",
            metadata=failure.metadata,
            allow_retries=failure.allow_retries,
        )

    def _compare(self, event: EnvironmentRead) -> Iterator[Message]:
        self._promoted = {model.fqn: model for model in event.models}
        self._plan_command = event.plan_command
        found = drift.compare(
            list(self._models.values()),
            self._selection.nodes(self._models.values()),
            self._promoted,
        )
        self._unpromoted = found.unpromoted
        for line in found.warnings():
            yield Message(Level.WARNING, line)

    def _plan(self, due: Sequence[DueModel]) -> Iterator[Message]:
        restarted = bool(self._progress)
        before = self._progress
        self._plan_again(
            {
                model.fqn: (
                    before[model.fqn].again(model) if model.fqn in before else Progress(model)
                )
                for model in due
            }
        )
        again = "started over, the environment was changed; " if restarted else ""
        yield Message(Level.INFO, f"SQLMesh {again}evaluates {counted(due)}")
        if self._selection.all_audits:
            for model in due:
                yield from self._unknown_audits(model)

    def _plan_again(self, progress: dict[str, Progress]) -> None:
        """Forget an attempt that was broken off: of it only what had been finished counts."""
        self._progress = progress
        self._skipped.clear()
        self._failed.clear()

    def _unknown_audits(self, due: DueModel) -> Iterator[Message]:
        model = self._models.get(due.fqn)
        unknown = [
            use.name for use in due.audits if model and not checks.check_for(model, use, due.audits)
        ]
        if unknown:
            yield Message(
                Level.WARNING,
                f"{plain(due.fqn)} has audits that the generated package does not know: "
                f"{', '.join(unknown)}. Generate it again with `python -m dg_sqlmesh_codegen`.",
            )

    def _take_failed_audit(self, event: AuditFailed) -> Iterator[Message]:
        progress = self._progress.get(event.fqn)
        if progress is None:
            return
        progress.audit_failed(event)
        model = self._models.get(event.fqn)
        if model and not checks.check_for(model, event.use, progress.due.audits):
            # No check says so: the log has to.
            found = (
                f"audit {event.use.name} of {plain(event.fqn)} failed, it found {event.count} rows"
            )
            yield Message(Level.WARNING, found)

    def _end_batch(self, event: BatchEnded) -> Iterator[SQLMeshResult]:
        progress = self._progress.get(event.fqn)
        if progress is None or event.fqn in self._evaluated:
            return  # a restarted run may come to a model a second time: it is reported once
        progress.batch_ended(event)
        if not progress.finished:
            return
        self._evaluated.add(event.fqn)
        if event.fqn in self._models:
            yield self._materialization(self._models[event.fqn], progress)
        elif event.fqn in self._standalone:
            failed = next(iter(progress.failed_audits.values()), None)
            check = self._standalone[event.fqn]
            yield from self._only_selected([checks.audit_result(check, failed, blocking=False)])

    def _materialization(self, model: ModelAsset, progress: Progress) -> dg.MaterializeResult[None]:
        facts = metadata.of_evaluation(progress.due, progress.evaluated)
        facts |= metadata.of_other_version(progress.due, model.spec.code_version)
        # The snapshot's version says which definition, the run which data.
        version = dg.DataVersion(f"{progress.due.version}-{self._selection.run_id}")
        results = [*self._audit_checks(model)]
        if model.has_status_check:
            results.append(checks.status(model, True, "evaluated", facts))
        selected = model.spec.key in self._selection.assets
        return dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata=facts,
            data_version=version,
            check_results=list(self._only_selected(results) if selected else results),
        )

    def _upstream_first(self, keys: Collection[dg.AssetKey]) -> Iterator[ModelAsset]:
        """Yield the models of these assets in the order in which Dagster takes them."""
        parents = {fqn: {*model.parents} - {fqn} for fqn, model in self._promoted.items()}
        for fqn in TopologicalSorter(parents).static_order():
            model = self._models.get(fqn)
            if model and model.spec.key in keys:
                yield model

    def _made_up(self, model: ModelAsset, run_id: str) -> dg.MaterializeResult[None]:
        """Materialize what an earlier run has evaluated; what its audits found is not known."""
        version = self._promoted[model.fqn].version
        facts = metadata.of_lost_evaluation(version, run_id)
        status = checks.status(model, True, "evaluated", facts)
        return dg.MaterializeResult(
            asset_key=model.spec.key,
            metadata=facts,
            data_version=dg.DataVersion(f"{version}-{run_id}"),
            check_results=list(self._only_selected([status])),
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
            self._blame = self._blame or Blame(self._promoted, self._failed)
            upstream = sorted(plain(fqn) for fqn in self._blame.upstream_of(model.fqn))
            return checks.status(model, False, "skipped", metadata.of_skip(upstream))
        if model.fqn in self._unpromoted:
            facts = metadata.of_failure(f"Run `{self._plan_command}`")
            return checks.status(model, False, "not promoted", facts)
        progress = self._progress.get(model.fqn)
        if progress and not progress.due.batches:
            return checks.status(model, True, "waiting for its signals", {})
        promoted = self._promoted.get(model.fqn)
        return checks.status(model, True, "not due", metadata.of_next_due(promoted))

    def _only_selected(
        self, results: Iterable[dg.AssetCheckResult]
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = self._selection.checks
        yield from (result for result in results if checks.key(result) in wanted)
