"""What the generated definitions hold: the resource, and the options of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import dagster as dg
from pydantic import Field, PrivateAttr

from . import schedule
from .concurrency import exclusivity
from .dagster import compat
from .records import ModelAsset
from .results.run_results import RunResults, SQLMeshResult
from .results.yield_order import Order
from .run_target import Evaluation, Exclusivity, Locking, Target
from .selection import Selection
from .step import Step
from .worker import SQLMeshRun


class SQLMeshRunConfig(dg.Config):
    """Options of one run, for the launchpad; they are those of `sqlmesh run`."""

    ignore_cron: bool = Field(
        default=False, description="Evaluate missing intervals even where the cron is not due."
    )
    start: str | None = Field(default=None, description="Evaluate no interval before this time.")
    end: str | None = Field(default=None, description="Evaluate no interval after this time.")
    execution_time: str | None = Field(
        default=None, description="The time that counts as now, for crons and for @execution_time."
    )
    include_upstream: bool = Field(
        default=False, description="Evaluate what is due upstream of the selected models, too."
    )


class SQLMeshResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own idiom
    """A SQLMesh project and the environment of it that Dagster runs.

    Args:
        project_dir: absolute path of the SQLMesh project.
        other_project_dirs: further projects that are loaded with it (SQLMesh: multi-repo).
        gateway: SQLMesh gateway; None is the project's default one.
        config_name: which configuration of a project's config.py; None is the one named `config`.
        environment: the environment that is run; it has to be planned before.
        concurrent_tasks: models evaluated at a time; None is the connection's own setting.
        exclusivity: what a run does where nothing can keep a second SQLMesh run away: `require`
            fails, `warn` warns and goes on, `off` does not even look or lock.
        lock_timeout: seconds that a run waits for another one on the same host before it fails.
        lock_dir: folder of the lock files; None is one that all processes of the host share.
        checks: which audits the package has checks for: `all`, `blocking` or `none`.
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
    _steps: list[Step] = PrivateAttr(default_factory=list)

    def run(
        self,
        context: dg.AssetExecutionContext,
        models: Sequence[ModelAsset],
        config: SQLMeshRunConfig,
    ) -> Iterator[SQLMeshResult]:
        """Run SQLMesh once for the selected models and yield results while it works.

        Args:
            context: of the op that the generated package defines.
            models: every model of the package.
            config: options of this run.

        Raises:
            dagster.Failure: after all results, if a model failed; at once and without retries,
                if the project, its state or the environment is not ready.
        """
        selection = replace(_selection(context), all_audits=self.checks == "all")
        selected = selection.nodes(models)
        if not selected:
            raise dg.Failure(
                "No model is selected. SQLMesh runs audits when it evaluates their model: "
                "select the asset, not its checks alone.",
                allow_retries=False,
            )
        target = self.target()
        _refuse_unguarded(context, target.locking.exclusivity)
        results = RunResults(models, selection)
        run = SQLMeshRun(target, _evaluation(config, selected, selection.run_id))
        step = Step(context, run, results, Order(models, selection.assets))
        self._steps.append(step)
        try:
            yield from step.results()
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as interruption:
            raise compat.StoppedError("SQLMesh was stopped, as the run is") from interruption

    def tick(
        self, context: dg.ScheduleEvaluationContext, models: Sequence[ModelAsset]
    ) -> dg.RunRequest | dg.SkipReason:
        """Return a run of exactly the models that are due at the tick, or why there is none.

        Raises:
            SetupError: the project, its state or the environment is not ready.
        """
        return schedule.tick(context, self.target(), models)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Stop what still runs.

        Where a signal comes while Dagster writes what the op has yielded, the op hears nothing of
        it: it is left where it is, and only its resources are taken down.
        """
        for step in self._steps:
            step.stop()

    def target(self) -> Target:
        """Return the project, the environment and how to lock, as plain values.

        Raises:
            dagster.Failure: `exclusivity` is none of its values.
        """
        try:
            mode = Exclusivity(self.exclusivity)
        except ValueError:
            raise dg.Failure(
                f"`exclusivity` of the `sqlmesh` resource is {self.exclusivity!r}. "
                f"Use one of {', '.join(repr(each.value) for each in Exclusivity)}.",
                allow_retries=False,
            ) from None
        return Target(
            project_dirs=(self.project_dir, *self.other_project_dirs),
            environment=self.environment,
            gateway=self.gateway,
            config_name=self.config_name,
            concurrent_tasks=self.concurrent_tasks,
            locking=Locking(mode, self.lock_timeout, self.lock_dir),
        )


def _refuse_unguarded(context: dg.AssetExecutionContext, mode: Exclusivity) -> None:
    if mode is Exclusivity.OFF:
        return
    problem = exclusivity.unguarded(context)
    if problem is None:
        return
    if mode is Exclusivity.REQUIRE:
        raise dg.Failure(
            f"{problem}\nOr set `exclusivity` of the `sqlmesh` resource to 'warn'.",
            allow_retries=False,
        )
    context.log.warning(problem)


def _selection(context: dg.AssetExecutionContext) -> Selection:
    return Selection(
        assets=frozenset(context.selected_asset_keys),
        checks=frozenset(context.selected_asset_check_keys),
        run_id=context.run.run_id,
        is_retry=context.retry_number > 0,
    )


def _evaluation(config: SQLMeshRunConfig, selected: frozenset[str], run_id: str) -> Evaluation:
    return Evaluation(
        fqns=selected,
        ignore_cron=config.ignore_cron,
        start=config.start,
        end=config.end,
        execution_time=config.execution_time,
        include_upstream=config.include_upstream,
        run_id=run_id,
    )
