"""Open a SQLMesh context at execution time, alone on its state, and read what is promoted.

Imports SQLMesh, so it is imported at execution time only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmesh import Context
from sqlmesh.core.config.connection import ConnectionConfig
from sqlmesh.core.environment import Environment
from sqlmesh.core.selector import NativeSelector
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.runtime.concurrency import file_lock
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import Level, Message
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Exclusivity, Locking, Target

from .connections import duckdb_file, secrets_of, state_key
from .console import AuditNotifier, Emit


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants a state for itself.

    `waiting` is called while somebody else has it, with the holder and the seconds waited so far,
    and what it raises ends the wait; `emit` takes a warning where there is no lock and the
    `exclusivity` lets that pass.
    """

    holder: file_lock.Holder
    waiting: Callable[[file_lock.Holder | None, float], None]
    emit: Emit


class ExactSelector(NativeSelector):
    """Takes fqns as they are. SQLMesh's own selector parses names, and some names do not parse."""

    def expand_model_selections(
        self, model_selections: Iterable[str], models: object = None
    ) -> set[str]:
        """Return the given fqns."""
        return set(model_selections)


@contextmanager
def open_context(
    target: Target, redaction: Redaction, notifier: AuditNotifier | None = None
) -> Iterator[Context]:
    """Open a context that takes its models from the state, as `sqlmesh run` does (`load=False`).

    Nothing is connected to yet. `redaction` learns the project's secrets.

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
    context = _context(target, notifier)
    redaction.add(secrets_of(context.config))
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


@contextmanager
def open_alone(
    target: Target, claim: Claim, redaction: Redaction, notifier: AuditNotifier | None = None
) -> Iterator[Context]:
    """Open a context while no other process of this host that asks so works on the same state.

    Args:
        target: the project, the environment, and how to lock.
        claim: who asks.
        redaction: learns the project's secrets.
        notifier: hears of failed audits.

    Raises:
        SetupError: as `open_context`; or the lock file cannot be used.
        StateBusyError: the time is up.
    """
    # The lock is taken when the context knows its state, and goes after its connections are closed.
    with ExitStack() as held, open_context(target, redaction, notifier) as context:
        if target.locking.exclusivity is not Exclusivity.OFF:
            _take_lock(held, _lock_path(context, target), target.locking, claim)
        yield context


def promoted_snapshots(context: Context, target: Target) -> dict[str, Snapshot]:
    """Read the environment's snapshots, with their intervals, by fqn.

    Raises:
        SetupError: the environment was never planned, or the state is of another SQLMesh version.
    """
    return promoted_snapshots_of(context, promoted_environment(context, target))


def promoted_snapshots_of(context: Context, environment: Environment) -> dict[str, Snapshot]:
    """Read the snapshots of an environment, with their intervals, by fqn."""
    snapshots = context.state_reader.get_snapshots(environment.snapshots).values()
    return {snapshot.name: snapshot for snapshot in snapshots}


def promoted_environment(context: Context, target: Target) -> Environment:
    """Read the environment from the state.

    Raises:
        SetupError: it was never planned, or the state is of another SQLMesh version.
    """
    _require_current_state(context, target)
    name = Environment.sanitize_name(target.environment)
    environment = context.state_reader.get_environment(name)
    if environment is None:
        raise _never_planned(context, target)
    return environment


def _context(target: Target, notifier: AuditNotifier | None) -> Context:
    try:
        return Context(
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


def _lock_path(context: Context, target: Target) -> Path:
    folder = Path(target.locking.folder) if target.locking.folder else file_lock.shared_folder()
    key = state_key(
        _state_connection(context),
        context.config.get_state_schema(context.gateway),
        Environment.sanitize_name(target.environment),
    )
    return folder / f"{key}.lock"


def _take_lock(held: ExitStack, path: Path, locking: Locking, claim: Claim) -> None:
    try:
        held.enter_context(file_lock.hold(path, claim.holder, locking.timeout, claim.waiting))
    except file_lock.LockHeldError as error:
        raise StateBusyError(
            f"after {locking.timeout:.0f} seconds of waiting it is still {error}. "
            "Wait for it, or give `lock_timeout` of the `sqlmesh` resource more seconds."
        ) from error
    except file_lock.LockUnusableError as error:
        refused = SetupError(
            f"The lock that keeps two SQLMesh runs apart cannot be used: {error}",
            "Free the disk or the folder, set `lock_dir` of the `sqlmesh` resource to a folder "
            "that all its runs can write to, or set its `exclusivity` to 'warn'.",
        )
        if locking.exclusivity is Exclusivity.REQUIRE:
            raise refused from error
        claim.emit(Message(Level.WARNING, str(refused)))


def _require_current_state(context: Context, target: Target) -> None:
    file = duckdb_file(_state_connection(context))
    if file and not file.exists():
        raise _never_planned(context, target)  # connecting would make it
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
    file = duckdb_file(_state_connection(context))
    # A relative path means another file in another working directory: the usual reason.
    where = f" (the state is looked for in {file})" if file else ""
    return SetupError(
        f"The SQLMesh environment {target.environment!r} was never planned{where}",
        f"Run `{target.plan_command}`.",
    )


@contextmanager
def _busy_state() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # duckdb.IOException, without importing a driver that this project may not use.
        if type(error).__module__.startswith(("duckdb", "_duckdb")) and "set lock" in str(error):
            raise StateBusyError(" ".join(str(error).split())) from error
        raise
