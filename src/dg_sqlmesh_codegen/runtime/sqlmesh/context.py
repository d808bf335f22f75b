"""Opens a SQLMesh context at execution time, with exclusive use of its state if asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.core.environment import Environment
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.runtime.concurrency.state_lock import (
    LockRequest,
    hold_state,
    shared_folder,
)
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.redaction import Redaction, secrets_of
from dg_sqlmesh_codegen.runtime.run_target import Target

from . import compat
from .console import AuditNotifier
from .state_identity import state_key


@contextmanager
def open_context(
    target: Target,
    redaction: Redaction,
    lock_request: LockRequest | None = None,
    notifier: AuditNotifier | None = None,
) -> Iterator[Context]:
    """Open a context that reads its models from the state, as `sqlmesh run` does.

    Args:
        target: the project and the environment.
        redaction: gets the project's secrets.
        lock_request: who asks for exclusive use of the state. None takes no lock.
        notifier: receives failed audits.

    Raises:
        SetupError: a project folder is missing, its configuration is invalid, or the lock file
            cannot be used.
        StateBusyError: another process held the lock until the timeout, or has opened the DuckDB
            file of the state.
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
        compat.set_concurrent_tasks(context, target.concurrent_tasks)
    if notifier:
        compat.add_user_notifier(context, notifier)
    with ExitStack() as lock:  # released after the connections are closed
        try:
            with _duckdb_lock_errors():
                if lock_request:
                    lock.enter_context(hold_state(_lock_path(context, target), lock_request))
                yield context
        finally:
            context.close()


def _context(target: Target, notifier: AuditNotifier | None) -> Context:
    try:
        context = Context(
            paths=list(target.project_dirs),
            config=target.config_name,
            gateway=target.gateway,
            concurrent_tasks=target.concurrent_tasks,
            notification_targets=[notifier] if notifier else None,
            selector=compat.ExactSelector,
            load=False,
        )
    except SQLMeshError as error:
        raise SetupError(
            f"SQLMesh cannot load the project {', '.join(target.project_dirs)}: {error}",
            f"Run `sqlmesh -p {target.project_dirs[0]} info` to see the whole error.",
        ) from error
    for folder, config in context.configs.items():
        for gateway in config.gateways.values():
            for connection in (gateway.connection, gateway.state_connection):
                if isinstance(connection, DuckDBConnectionConfig):
                    _open_in_project(connection, folder)
    return context


def _open_in_project(connection: DuckDBConnectionConfig, folder: Path) -> None:
    """Have a connection open the files that SQLMesh opens when it runs in the project's folder.

    A file in the working directory comes first, as for `sqlmesh -p project plan`.
    """

    def found(path: str) -> str:
        return path if Path(path).exists() or not (folder / path).exists() else str(folder / path)

    if connection.database:
        connection.database = found(connection.database)
    catalogs = connection.catalogs or {}
    for name, options in catalogs.items():
        if isinstance(options, str):
            catalogs[name] = found(options)
        else:
            options.path = found(options.path)


def _lock_path(context: Context, target: Target) -> Path:
    folder = Path(target.locking.folder) if target.locking.folder else shared_folder()
    environment = Environment.sanitize_name(target.environment)
    schema = context.config.get_state_schema(context.gateway)
    return folder / f"{state_key(compat.state_connection(context), schema, environment)}.lock"


@contextmanager
def _duckdb_lock_errors() -> Iterator[None]:
    """Raise DuckDB's error about a locked file as a StateBusyError."""
    try:
        yield
    except Exception as error:
        # duckdb.IOException; by name, because a project without DuckDB may not have its driver.
        if type(error).__module__.startswith(("duckdb", "_duckdb")) and "set lock" in str(error):
            raise StateBusyError(" ".join(str(error).split())) from error
        raise
