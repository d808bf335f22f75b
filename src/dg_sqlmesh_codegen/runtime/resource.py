"""The resource of generated packages, and the launchpad options of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TypeVar

import dagster as dg
from pydantic import Field, PrivateAttr

from . import held_back, plan_reports, restate, schedule, upstream_sensor
from .concurrency import exclusivity
from .dagster import compat, run_log
from .records import ModelAsset
from .restate import SQLMeshRestateConfig
from .results.audit_results import AuditResults
from .results.run_results import RunResults, SQLMeshResult
from .run_target import (
    PROD,
    Evaluation,
    Exclusivity,
    Locking,
    NotDue,
    RetryFailed,
    Target,
    Upstream,
)
from .selection import Selection
from .step import Step
from .worker import SQLMeshRun

_Choice = TypeVar("_Choice", bound=Enum)


class SQLMeshRunConfig(dg.Config):
    """Launchpad options of one run: those of `sqlmesh run`, and `upstream`."""

    ignore_cron: bool = Field(
        default=False, description="Evaluate missing intervals even if the cron is not due."
    )
    start: str | None = Field(default=None, description="Evaluate no interval before this time.")
    end: str | None = Field(default=None, description="Evaluate no interval after this time.")
    execution_time: str | None = Field(
        default=None, description="The current time for crons and @execution_time."
    )
    upstream: str | None = Field(
        default=None,
        description="What to do if upstream models that are not selected have missing intervals: "
        "`include` evaluates them first, `fail` fails the run, `warn` logs a warning, `ignore` "
        "evaluates the selected models alone. By default, `upstream` of the resource.",
    )
    include_upstream: bool = Field(default=False, description="The same as `upstream: include`.")


class SQLMeshResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own idiom
    """A SQLMesh project and the environment that Dagster runs.

    Args:
        project_dir: absolute path of the SQLMesh project.
        other_project_dirs: projects to load with it (SQLMesh: multi-repo).
        gateway: SQLMesh gateway; None is the project's default gateway.
        config_name: name of the configuration in a project's config.py; None is `config`.
        environment: environment to run. `sqlmesh plan` creates it.
        concurrent_tasks: number of models evaluated at once; None is the connection's setting.
        exclusivity: what a run does if nothing prevents a second SQLMesh run: `require` fails,
            `warn` logs a warning, `off` checks nothing and takes no lock.
        lock_timeout: seconds that a run waits for another one before it fails.
        lock_dir: folder of the lock files, for states in a file or in a database without locks;
            None is the folder of the state's file, or one of the user's own.
        checks: which audits of the package have checks: `all`, `blocking` or `none`.
        upstream: what a run does if upstream models that are not selected have missing intervals:
            `include` evaluates them first, `fail` fails the run, `warn` logs a warning, `ignore`
            evaluates the selected models alone.
        retry_failed: when the schedule requests models again that failed or waited for signals:
            `next_cron` at the next tick of their own cron, `every_tick` at its next tick.
        report_plans: whether runs and ticks report what SQLMesh evaluated without Dagster.
        not_due: what a run reports of selected models that are not due: nothing with `skip`, that
            they are up to date with `materialize`.
        partial: whether the package holds only a part of the project's models, by `select` or
            `exclude`. Then other models can be promoted.
    """

    project_dir: str
    other_project_dirs: list[str] = Field(default_factory=list)
    gateway: str | None = None
    config_name: str | None = None
    environment: str = "prod"
    concurrent_tasks: int | None = None
    exclusivity: str = "require"
    lock_timeout: float = 3600.0
    lock_dir: str | None = None
    checks: str = "all"
    upstream: str = "include"
    retry_failed: str = "next_cron"
    report_plans: bool = True
    not_due: str = "skip"
    partial: bool = False
    _steps: list[Step] = PrivateAttr(default_factory=list)

    def run(
        self,
        context: dg.AssetExecutionContext,
        models: Sequence[ModelAsset],
        config: SQLMeshRunConfig,
    ) -> Iterator[SQLMeshResult]:
        """Run SQLMesh once for the selected models and yield results while it runs.

        If only checks are selected, it runs their audits and evaluates no model.

        Args:
            context: context of the generated op.
            models: every model of the package.
            config: options of this run.

        Raises:
            dagster.Failure: after all results, if a model failed; immediately and without retries,
                if the project, its state or the environment is not ready.
        """
        selection = self._selection(context)
        evaluation = self._evaluation(config, selection.nodes(models), selection.run_id)
        if run_log.LANDED_TAG in context.run.tags:
            # A retry evaluates what is missing since the first attempt, and nothing again.
            evaluation = replace(evaluation, ignore_cron=True, again=not selection.is_retry)
        target = self.target()
        results = RunResults(models, selection)
        if selection.audits_only:
            audits = selection.audits(models)
            evaluation = replace(evaluation, audits=audits, reads_evaluated=False)
            find_failed = partial(held_back.failed, context.instance, target.environment)
            results = AuditResults(models, selection, find_failed)
        else:
            compat.tag_run(context, run_log.ENVIRONMENT_TAG, target.environment)
        run = SQLMeshRun(_with_limit(target, context), evaluation)
        yield from self._execute(Step(context, run, results))

    def restate(
        self,
        context: dg.OpExecutionContext,
        models: Sequence[ModelAsset],
        config: SQLMeshRestateConfig,
    ) -> None:
        """Evaluate intervals again that SQLMesh has evaluated, or say which with `preview`.

        Args:
            context: context of the generated op.
            models: every model of the package.
            config: what to evaluate again.

        Raises:
            dagster.Failure: a model failed, or the restatement is not possible as asked.
        """
        target = self.target()
        step, results = restate.step(context, _with_limit(target, context), models, config)
        if not config.preview:
            compat.tag_run(context, run_log.ENVIRONMENT_TAG, target.environment)
        for _ in self._execute(step):
            pass  # the step writes its results to the event log
        context.add_output_metadata({"sqlmesh/restatement": dg.MetadataValue.md(results.text)})

    def tick(
        self,
        context: dg.ScheduleEvaluationContext,
        models: Sequence[ModelAsset],
        job: str | None = None,
    ) -> dg.RunRequest | dg.SkipReason:
        """Return a run of exactly the models that are due at the tick, or a reason to skip.

        Args:
            context: context of the generated schedule.
            models: every model of the package.
            job: the job whose models are requested, if the package has several.

        Raises:
            SetupError: the project, its state or the environment is not ready.
        """
        retry_failed = _choice(
            RetryFailed, "`retry_failed` of the SQLMeshResource", self.retry_failed
        )
        return schedule.Tick(
            context, self.target(), models, retry_failed, self.report_plans, job, self.partial
        ).answer()

    def upstream_tick(
        self, context: dg.SensorEvaluationContext, models: Sequence[ModelAsset], pool: str
    ) -> dg.RunRequest | dg.SkipReason:
        """Return a run of exactly the models downstream of data that landed, or a reason to skip.

        Args:
            context: context of the generated sensor. Its cursor is moved.
            models: every model of the package.
            pool: the concurrency key of the run.
        """
        if self.environment != PROD:
            return dg.SkipReason(
                f"The environment is {self.environment!r}, and landed data starts runs of {PROD!r} "
                "only. To run models now, materialize them."
            )
        return upstream_sensor.tick(context, models, {exclusivity.TAG: pool})

    def sync(self, context: dg.OpExecutionContext, models: Sequence[ModelAsset]) -> None:
        """Report to Dagster what SQLMesh evaluated without it, and evaluate nothing.

        Raises:
            dagster.Failure: the project, its state or the environment is not ready.
        """
        plan_reports.sync(context, self.target(), models)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Stop SQLMesh if it still runs.

        If a signal arrives while Dagster writes a result, Dagster does not raise it in the op. It
        abandons the op and tears down its resources.
        """
        for step in self._steps:
            step.stop()

    def _execute(self, step: Step) -> Iterator[SQLMeshResult]:
        self._steps.append(step)
        try:
            yield from step.execute()
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as interruption:
            raise compat.StoppedError("SQLMesh was stopped with the Dagster run") from interruption

    def target(self) -> Target:
        """Return the project, the environment and the locking as plain values.

        Raises:
            dagster.Failure: `exclusivity` is not one of its values.
        """
        mode = _choice(Exclusivity, "`exclusivity` of the SQLMeshResource", self.exclusivity)
        return Target(
            project_dirs=(self.project_dir, *self.other_project_dirs),
            environment=self.environment,
            gateway=self.gateway,
            config_name=self.config_name,
            concurrent_tasks=self.concurrent_tasks,
            locking=Locking(mode, self.lock_timeout, self.lock_dir),
        )

    def _evaluation(
        self, config: SQLMeshRunConfig, fqns: frozenset[str], run_id: str
    ) -> Evaluation:
        options = config.model_dump(exclude={"upstream", "include_upstream"})
        upstream = "include" if config.include_upstream else config.upstream or self.upstream
        return Evaluation(
            fqns,
            run_id,
            upstream=_choice(Upstream, "`upstream`", upstream),
            reads_evaluated=self.report_plans or self._materializes_not_due,
            **options,
        )

    @property
    def _materializes_not_due(self) -> bool:
        name = "`not_due` of the SQLMeshResource"
        return _choice(NotDue, name, self.not_due) is NotDue.MATERIALIZE

    def _selection(self, context: dg.AssetExecutionContext) -> Selection:
        return Selection(
            assets=frozenset(context.selected_asset_keys),
            checks=frozenset(context.selected_asset_check_keys),
            run_id=context.run.run_id,
            is_retry=context.retry_number > 0,
            all_audits=self.checks == "all",
            report_plans=self.report_plans,
            materialize_not_due=self._materializes_not_due,
            partial=self.partial,
            environment=None if self.environment == PROD else self.environment,
            audits_only=not context.selected_asset_keys and run_log.DUE_TAG not in context.run.tags,
        )


def _with_limit(target: Target, context: compat.StepContext) -> Target:
    """Return the target with why Dagster's limits do not exclude a second run, if so."""
    locking = target.locking
    if locking.exclusivity is not Exclusivity.OFF:
        locking = replace(locking, missing_limit=exclusivity.missing_limit(context))
    return replace(target, locking=locking)


def _choice(choices: type[_Choice], name: str, value: str) -> _Choice:
    try:
        return choices(value)
    except ValueError:
        raise dg.Failure(
            f"{name} is {value!r}. Use one of {', '.join(repr(x.value) for x in choices)}.",
            allow_retries=False,
        ) from None
