"""What the generated definitions hold: the resource, and the options of one run."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

import dagster as dg
from pydantic import Field

from . import execution, schedule
from .assets import ModelAsset
from .errors import SetupError, StateBusyError
from .events import Level, Message
from .results import RunResults, Selection, SQLMeshResult
from .target import Evaluation, Target


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
    """

    project_dir: str
    other_project_dirs: list[str] = Field(default_factory=list)
    gateway: str | None = None
    config_name: str | None = None
    environment: str = "prod"
    concurrent_tasks: int | None = None

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
        selected = _selected_nodes(context, models)
        if not selected:
            raise dg.Failure(
                "No model is selected. SQLMesh runs audits when it evaluates their model: "
                "select the asset, not its checks alone.",
                allow_retries=False,
            )
        results = RunResults(models, _selection(context))
        error = yield from self._stream(context, _evaluation(config, selected), results)
        yield from results.finish(aborted=error is not None)
        failure = results.failure(error)
        if failure:
            raise failure from error

    def tick(
        self, context: dg.ScheduleEvaluationContext, models: Sequence[ModelAsset]
    ) -> dg.RunRequest | dg.SkipReason:
        """Return a run of exactly the models that are due at the tick, or why there is none.

        Raises:
            SetupError: the project, its state or the environment is not ready.
        """
        return schedule.tick(context, self._target(), models)

    def _target(self) -> Target:
        return Target(
            project_dirs=(self.project_dir, *self.other_project_dirs),
            environment=self.environment,
            gateway=self.gateway,
            config_name=self.config_name,
            concurrent_tasks=self.concurrent_tasks,
        )

    def _stream(
        self, context: dg.AssetExecutionContext, evaluation: Evaluation, results: RunResults
    ) -> Generator[SQLMeshResult, None, Exception | None]:
        """Yield results while SQLMesh runs, and return the error that ended the run as a whole."""
        try:
            with closing(execution.stream(self._target(), evaluation)) as events:
                for event in events:
                    for result in results.handle(event):
                        if isinstance(result, Message):
                            _log(context, result)
                        elif isinstance(result, dg.AssetMaterialization):
                            context.log_event(result)
                        else:
                            yield result
        except SetupError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        except StateBusyError as error:
            raise dg.Failure(f"Another process is using SQLMesh's state: {error}") from error
        except Exception as error:  # noqa: BLE001 - the step fails with it, after all results
            return error
        return None


def _selected_nodes(
    context: dg.AssetExecutionContext, models: Sequence[ModelAsset]
) -> frozenset[str]:
    """Return what SQLMesh is to evaluate: models by fqn, standalone audits by name."""
    checks = context.selected_asset_check_keys
    return frozenset(
        [model.fqn for model in models if model.spec.key in context.selected_asset_keys]
    ) | frozenset(
        check.audit
        for model in models
        for check in model.audits
        if check.standalone and check.spec.key in checks
    )


def _selection(context: dg.AssetExecutionContext) -> Selection:
    return Selection(
        assets=frozenset(context.selected_asset_keys),
        checks=frozenset(context.selected_asset_check_keys),
        run_id=context.run.run_id,
        is_retry=context.retry_number > 0,
    )


def _evaluation(config: SQLMeshRunConfig, selected: frozenset[str]) -> Evaluation:
    return Evaluation(
        fqns=selected,
        ignore_cron=config.ignore_cron,
        start=config.start,
        end=config.end,
        execution_time=config.execution_time,
        include_upstream=config.include_upstream,
    )


def _log(context: dg.AssetExecutionContext, message: Message) -> None:
    if message.level is Level.ERROR:
        context.log.error(message.text)
    elif message.level is Level.WARNING:
        context.log.warning(message.text)
    else:
        context.log.info(message.text)
