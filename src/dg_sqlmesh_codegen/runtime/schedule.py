"""Turns a tick of the schedule into a run of the due models, or a reason to skip."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

import dagster as dg

from . import held_back, plan_reports
from .concurrency import exclusivity
from .dagster import run_log
from .due import DueModels
from .errors import StateBusyError
from .records import ModelAsset, ModelCheck
from .results import drift
from .run_target import RetryFailed, Target
from .text import display_name, shortened

# A code server evaluates ticks in threads, and in a process SQLMesh opens each DuckDB file once.
_ONE_TICK = Lock()


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of a schedule, and what it asks for.

    `models` is every model of the package. `retry_failed` says whether due models that failed are
    requested, too, and `report_plans` whether evaluations without Dagster are reported. With `job`
    the models of this job are requested. `partial` is whether the package holds only a part of the
    project's models.
    """

    context: dg.ScheduleEvaluationContext
    target: Target
    models: Sequence[ModelAsset]
    retry_failed: RetryFailed
    report_plans: bool
    job: str | None = None
    partial: bool = False

    def answer(self) -> dg.RunRequest | dg.SkipReason:
        """Ask SQLMesh's state which models are due at the time of the tick.

        Only due models are requested: Dagster shows an asset that a run planned and did not
        materialize as failed or missing. A daily tick that skips because an hourly run is active
        would lose its day. So a tick requests what no active run has planned, and its run waits.

        Raises:
            SetupError: the project, its state or the environment is not ready. The tick fails.
        """
        keys = [model.spec.key for model in self.models]
        active = exclusivity.active_runs(self.context.instance, keys, self.target.environment)
        nothing_else = _nodes(self.models) <= _planned(self.context.instance, active, self.models)
        for record in active:
            if nothing_else or exclusivity.restates(record.dagster_run):
                return dg.SkipReason(exclusivity.skip_reason(record, datetime.now(UTC)))
        try:
            due = self._read_due(is_active=bool(active))
        except StateBusyError as error:
            return dg.SkipReason(f"Another process is using SQLMesh's state: {error}")
        if due.unfinished_plan:
            return dg.SkipReason(self.target.being_updated(due.unfinished_plan))
        return self._request(due, active)

    def _read_due(self, *, is_active: bool) -> DueModels:
        """Read what is due, and report what is not: what is due is reported by its run."""
        # Imports SQLMesh: at execution time only.
        from .sqlmesh import due_models  # noqa: PLC0415

        at = self.context.scheduled_execution_time.astimezone(UTC)
        shares = self.partial or self.job is not None or is_active
        with _ONE_TICK:
            due = due_models.read_due_models(self.target, at, during_runs=shares)
            if self.report_plans and not (is_active or due.during_run or due.unfinished_plan):
                reported = plan_reports.report_in_tick(self.context.instance, self.models, due)
                if reported:
                    self.context.log.info(plan_reports.message(reported))
        return due

    def _request(
        self, due: DueModels, active: Sequence[dg.RunRecord]
    ) -> dg.RunRequest | dg.SkipReason:
        models = [model for model in self.models if self.job is None or self.job in model.jobs]
        of_job, known = _nodes(models), _nodes(self.models)
        held = self._held_back(due, of_job, known)
        unknown = due.models.keys() - known
        if self.partial and not drift.in_other_catalogs(known, unknown):
            unknown = set()
        problems = [held_back.reason(held)] if held else []
        problems += [drift.not_in_package(unknown, known)] if unknown else []
        for problem in problems:
            self.context.log.warning(problem)
        wanted = (due.models.keys() & of_job) - held.keys()
        free = wanted - _planned(self.context.instance, active, models)
        request = _request(free, models, self.target.environment)
        if free < wanted:
            left = exclusivity.skip_reason(active[0], datetime.now(UTC))
            if not request:
                return dg.SkipReason(left)
            names = shortened(sorted(map(display_name, wanted - free)))
            self.context.log.info(f"Not requested again: {names}. {left}")
        if request:
            return request
        if problems:
            return dg.SkipReason(f"Nothing that is due can run. {' '.join(problems)}")
        return dg.SkipReason(_nothing_due(due, self.job))

    def _held_back(self, due: DueModels, of_job: set[str], known: set[str]) -> dict[str, str]:
        """Return the models that failed and wait, by fqn, with the run: of the job, or unknown."""
        if self.retry_failed is RetryFailed.EVERY_TICK:
            return {}
        environment, instance = self.target.environment, self.context.instance
        held = held_back.held_back(instance, environment, due, self.models)
        return {
            fqn: run
            for fqn, run in held.items()
            if fqn in of_job or (fqn not in known and not self.partial)
        }


def _nodes(models: Iterable[ModelAsset]) -> set[str]:
    return {node for model in models for node in model.nodes}


def _planned(
    instance: dg.DagsterInstance, active: Iterable[dg.RunRecord], models: Sequence[ModelAsset]
) -> set[str]:
    """Return the models and standalone audits that active runs evaluate."""
    runs = [record.dagster_run for record in active]
    keys = {key for run in runs for key in exclusivity.materialized_assets(instance, run)}
    audits = {
        key.name
        for run in runs
        if run_log.DUE_TAG in run.tags
        for key in run.asset_check_selection or ()
    }
    alone = (each for each in _standalone(models) if each.spec.key.name in audits)
    evaluated = _nodes(model for model in models if model.spec.key in keys)
    return evaluated | {each.audit.name for each in alone}


def _request(
    due: Collection[str], models: Sequence[ModelAsset], environment: str
) -> dg.RunRequest | None:
    """Request the due models with all their checks, and the due standalone audits."""
    selected = [model for model in models if model.fqn in due]
    audits = [check.spec.key for check in _standalone(models) if check.audit.name in due]
    if not selected and not audits:
        return None
    keys = [model.spec.key for model in selected]
    checks = [check.key for model in selected for check in model.check_specs]
    tags = {run_log.ENVIRONMENT_TAG: environment}
    if set(audits) <= set(checks):  # Dagster adds the checks of the assets
        return dg.RunRequest(asset_selection=keys, tags=tags)
    return dg.RunRequest(
        asset_selection=keys,
        asset_check_keys=list(dict.fromkeys([*checks, *audits])),
        tags=tags if keys else {**tags, run_log.DUE_TAG: "true"},
    )


def _standalone(models: Iterable[ModelAsset]) -> list[ModelCheck]:
    return [check for model in models for check in model.standalone_checks]


def _nothing_due(due: DueModels, job: str | None) -> str:
    if due.left_to_prod.waiting:
        names = shortened([display_name(fqn) for fqn in sorted(due.left_to_prod.waiting)])
        return f"These models wait for models that prod has not evaluated: {names}"
    if job:
        return f"No model of the job {job} is due"
    if due.next_due is None:
        return "No model is due"
    return f"No model is due; the next one is at {due.next_due.isoformat(timespec='minutes')}"
