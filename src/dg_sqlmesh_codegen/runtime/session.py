"""One SQLMesh context at execution time: open it, read what is promoted, run it.

Imports SQLMesh, so it is imported at execution time only. Nothing here plans, applies or touches
an environment's definition; even the janitor, which `sqlmesh run` calls to delete expired
environments, is left to whoever runs `sqlmesh janitor`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event as Flag

from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.core.config.connection import ConnectionConfig
from sqlmesh.core.environment import Environment
from sqlmesh.core.scheduler import merged_missing_intervals
from sqlmesh.core.selector import NativeSelector
from sqlmesh.core.snapshot import DeployabilityIndex, Snapshot, apply_auto_restatements
from sqlmesh.utils.date import now_timestamp, to_datetime, to_timestamp
from sqlmesh.utils.errors import SQLMeshError

from .capture import AuditNotifier, Emit, FailedAudits, RunConsole
from .errors import SetupError, StateBusyError
from .events import EnvironmentRead, PromotedModel, RunEnded
from .target import Evaluation, Target

_PROD = "prod"


class ExactSelector(NativeSelector):
    """Takes fqns as they are. SQLMesh's own selector parses names, and some names do not parse."""

    def expand_model_selections(
        self, model_selections: Iterable[str], models: object = None
    ) -> set[str]:
        """Return the given fqns."""
        return set(model_selections)


@dataclass(frozen=True, slots=True)
class Due:
    """Models that are due, by fqn, and when the next of the others will be (None: never)."""

    fqns: frozenset[str]
    next_due: datetime | None


def evaluate(target: Target, evaluation: Evaluation, emit: Emit, stop: Flag) -> None:
    """Run SQLMesh once (`sqlmesh run`) and emit what happens.

    Args:
        target: the project and the environment.
        evaluation: which models, and the options of the run.
        emit: takes the events; called from several threads.
        stop: when set, no further batch is started.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        SQLMeshError: the run as a whole failed; a failed model is an event, not an exception.
    """
    _refuse_unreadable_times(evaluation)
    notifier = AuditNotifier(report=FailedAudits(emit))
    with open_context(target, notifier) as context:
        snapshots = promoted_snapshots(context, target)
        _refuse_unpromoted(evaluation.fqns, snapshots, target)
        emit(EnvironmentRead(tuple(_promoted_model(each) for each in snapshots.values())))
        context.console = RunConsole(emit, stop)
        status = context.run(
            target.environment,
            start=evaluation.start,
            end=evaluation.end,
            execution_time=evaluation.execution_time,
            ignore_cron=evaluation.ignore_cron,
            select_models=sorted(evaluation.fqns),
            no_auto_upstream=not evaluation.include_upstream,
            skip_janitor=True,
        )
        emit(RunEnded(nothing_to_do=status.is_nothing_to_do))


def due_models(target: Target, execution_time: datetime) -> Due:
    """Ask the state which models a run at `execution_time` would evaluate.

    Signals are left to the run: they are code of the project, and may take longer than a tick.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        StateBusyError: another process has the state's database to itself.
    """
    with open_context(target) as context:
        snapshots = promoted_snapshots(context, target)
    by_id = {snapshot.snapshot_id: snapshot for snapshot in snapshots.values()}
    deployability = None
    if target.environment == _PROD:
        deployability = DeployabilityIndex.all_deployable()
        # The run does the same, and writes it down. Here it changes these copies only.
        apply_auto_restatements(by_id, execution_time)
    missing = merged_missing_intervals(
        snapshots.values(),
        execution_time=execution_time,
        end=execution_time,
        deployability_index=deployability or DeployabilityIndex.create(by_id),
    )
    fqns = frozenset(snapshot.name for snapshot in missing)
    upcoming = [
        snapshot.node.cron_next(execution_time)
        for snapshot in snapshots.values()
        if _has_cron(snapshot) and snapshot.name not in fqns
    ]
    return Due(fqns, min(upcoming, default=None))


@contextmanager
def open_context(target: Target, notifier: AuditNotifier | None = None) -> Iterator[Context]:
    """Open a context that takes its models from the state, as `sqlmesh run` does (`load=False`).

    Raises:
        SetupError: a project folder is missing, or its configuration is refused.
        StateBusyError: another process has the database to itself.
    """
    for folder in target.project_dirs:
        if not Path(folder).is_dir():
            raise SetupError(
                f"The SQLMesh project folder {folder} is missing",
                "Deploy it with the code, or set `project_dir` of the `sqlmesh` resource.",
            )
    try:
        context = Context(
            paths=list(target.project_dirs),
            config=target.config_name,
            gateway=target.gateway,
            concurrent_tasks=target.concurrent_tasks,
            notification_targets=[notifier] if notifier else None,
            selector=ExactSelector,
            load=False,
        )
    except SQLMeshError as error:
        raise SetupError(
            f"SQLMesh refuses the project {', '.join(target.project_dirs)}: {error}",
            f"`sqlmesh -p {target.project_dirs[0]} info` shows it in full.",
        ) from error
    if target.concurrent_tasks:
        # The context starts that many threads, and takes the number of connections from here.
        context.connection_config.concurrent_tasks = target.concurrent_tasks
    if notifier and context.config.username:
        # With `username` in its config SQLMesh notifies that user's targets and no others.
        users = context.notification_target_manager.user_notification_targets
        users.setdefault(context.config.username, set()).add(notifier)
    try:
        with _busy_state():
            yield context
    finally:
        context.close()


def promoted_snapshots(context: Context, target: Target) -> dict[str, Snapshot]:
    """Read the environment's snapshots, with their intervals, by fqn.

    Raises:
        SetupError: the environment was never planned, or the state is of another SQLMesh version.
    """
    _require_current_state(context, target)
    name = Environment.sanitize_name(target.environment)
    environment = context.state_reader.get_environment(name)
    if environment is None:
        raise _never_planned(context, target)
    snapshots = context.state_reader.get_snapshots(environment.snapshots).values()
    return {snapshot.name: snapshot for snapshot in snapshots}


def _require_current_state(context: Context, target: Target) -> None:
    # `context.state_sync` would create the tables of a state that does not exist yet.
    state = context.config.get_scheduler(context.gateway).create_state_sync(context)
    try:
        if state.get_versions(validate=False).schema_version == 0:
            # SQLMesh finds no tables in a database that it could not open, too: let that be said.
            _state_connection(context).connection_validator()()
            raise _never_planned(context, target)
        state.get_versions()
    except SQLMeshError as error:
        raise SetupError(
            f"The SQLMesh state and the installed SQLMesh do not match: {error}",
            f"Run `sqlmesh {target.arguments} migrate`, or install the state's version.",
        ) from error
    finally:
        state.close()  # the context closes its own only, and DuckDB lets nobody else in till then


def _state_connection(context: Context) -> ConnectionConfig:
    return context.config.get_state_connection(context.gateway) or context.connection_config


def _never_planned(context: Context, target: Target) -> SetupError:
    connection = _state_connection(context)
    where = ""
    if isinstance(connection, DuckDBConnectionConfig) and connection.database:
        # A relative path means another file in another working directory: the usual reason.
        where = f" (the state is looked for in {Path(connection.database).absolute()})"
    return SetupError(
        f"The SQLMesh environment {target.environment!r} was never planned{where}",
        f"Run `sqlmesh {target.arguments} plan {target.environment}`.",
    )


def _refuse_unpromoted(
    fqns: Collection[str], snapshots: Mapping[str, Snapshot], target: Target
) -> None:
    missing = sorted(set(fqns) - set(snapshots))
    if missing:
        raise SetupError(
            f"Not promoted in the SQLMesh environment {target.environment!r}: "
            f"{', '.join(name.replace(chr(34), '') for name in missing)}",
            f"Run `sqlmesh {target.arguments} plan {target.environment}`, or generate the package "
            "again if the models were removed.",
        )


def _promoted_model(snapshot: Snapshot) -> PromotedModel:
    tick = snapshot.node.cron_next(now_timestamp()) if _has_cron(snapshot) else None
    return PromotedModel(
        fqn=snapshot.name,
        data_hash=snapshot.fingerprint.data_hash,
        parents=tuple(sorted(parent.name for parent in snapshot.parents)),
        next_due=to_timestamp(tick) if tick else None,
    )


def _has_cron(snapshot: Snapshot) -> bool:
    """Whether later runs evaluate it: not seeds, and nothing that is symbolic."""
    return snapshot.is_model and not (snapshot.is_symbolic or snapshot.is_seed)


@contextmanager
def _busy_state() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # duckdb.IOException, without importing a driver that this project may not use.
        if type(error).__module__.startswith(("duckdb", "_duckdb")) and "set lock" in str(error):
            raise StateBusyError(" ".join(str(error).split())) from error
        raise


def _refuse_unreadable_times(evaluation: Evaluation) -> None:
    for value in filter(None, (evaluation.start, evaluation.end, evaluation.execution_time)):
        try:
            to_datetime(value)
        except ValueError as error:
            raise SetupError(
                f"SQLMesh does not read {value!r} as a time",
                "Use a date (2026-01-31), a timestamp, or a phrase such as `1 day ago`.",
            ) from error
    start, end = evaluation.start, evaluation.end
    if start and end and to_datetime(start) > to_datetime(end):
        raise SetupError(f"The start {start!r} is after the end {end!r}", "Exchange them.")
