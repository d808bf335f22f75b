"""Opens a SQLMesh context at execution time, with exclusive use of its state if asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.runtime.concurrency.file_lock import lock_file
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.concurrency.server_lock import SERVERS, ServerLock
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import hold_state
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.redaction import Redaction, redacted_errors, secrets_of
from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.yaml_errors import yaml_problem

from . import compat
from .compat import Environment
from .console import AuditNotifier
from .state_identity import duckdb_file, state_key

_T = TypeVar("_T")


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
        SetupError: a project folder is missing, its configuration is invalid, SQLMesh has another
            name for the environment, or nothing excludes a second run.
        StateBusyError: another process held the lock until the timeout, or has opened the DuckDB
            file of the state.
    """
    for folder in target.project_dirs:
        if not Path(folder).is_dir():
            raise SetupError(
                f"The SQLMesh project folder {folder} is missing",
                "Deploy it with the code, or set `project_dir` of the SQLMeshResource.",
            )
    name = Environment.sanitize_name(target.environment)
    if name != target.environment:
        raise SetupError(
            f"SQLMesh calls the environment {target.environment!r} {name!r}",
            f"Set DG_SQLMESH_ENVIRONMENT, or `environment` of the SQLMeshResource, to {name}.",
        )
    context = _context(target, notifier)
    for config in context.configs.values():
        redaction.add(secrets_of(config))
    if target.concurrent_tasks:
        compat.set_concurrent_tasks(context, target.concurrent_tasks)
    if notifier:
        compat.add_user_notifier(context, notifier)
    with ExitStack() as lock:  # released after the connections are closed
        try:
            with _duckdb_lock_errors():
                if lock_request:
                    lock.enter_context(_hold_state(context, target, lock_request))
                yield context
        finally:
            context.close()


def _context(target: Target, notifier: AuditNotifier | None) -> Context:
    try:
        context = Context(
            load=False,
            paths=list(target.project_dirs),
            config=target.config_name,
            gateway=target.gateway,
            concurrent_tasks=target.concurrent_tasks,
            notification_targets=[notifier] if notifier else None,
        )
    except Exception as error:  # of YAML, pydantic or a config.py; it is raised again
        malformed = yaml_problem(error)
        if not malformed and not isinstance(error, SQLMeshError):
            raise
        raise SetupError(
            f"SQLMesh cannot load the project {', '.join(target.project_dirs)}",
            f"Run `sqlmesh {target.cli_arguments} info` to see the whole error.",
            malformed or str(error),
        ) from error
    for folder, config in context.configs.items():
        gateways = config.gateways.values()
        connections = [
            each for part in gateways for each in (part.connection, part.state_connection)
        ]
        for connection in (config.default_connection, *connections):
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


def in_context(
    target: Target, work: Callable[[Context], _T], lock_request: LockRequest | None = None
) -> _T:
    """Return what `work` returns for an open context. Its errors have no secrets.

    Raises:
        SetupError, StateBusyError: as `open_context`, or as `work` raises them.
        RunError: in place of every other error.
    """

    def opened(redaction: Redaction) -> _T:
        with open_context(target, redaction, lock_request) as context:
            return work(context)

    return redacted_errors(opened)


def server_lock(context: Context, target: Target) -> ServerLock | None:
    """Return the lock of the server that the state is in; None if it is not in such a server."""
    connection = compat.state_connection(context)
    server = SERVERS.get(connection.type_)
    if server is None:
        return None
    schema = context.config.get_state_schema(context.gateway)
    # Not the address of the server: hosts can know it by different names.
    name = f"{schema or connection.get_catalog()}/{target.environment}"
    return ServerLock(server, partial(compat.connect_to_state, context), name)


def _hold_state(
    context: Context, target: Target, request: LockRequest
) -> AbstractContextManager[None]:
    connection = compat.state_connection(context)
    schema = context.config.get_state_schema(context.gateway)
    key = state_key(connection, schema, target.environment)
    file = partial(lock_file, duckdb_file(connection), key, request.locking.folder)
    return hold_state(request, server_lock(context, target), file)


@contextmanager
def _duckdb_lock_errors() -> Iterator[None]:
    """Raise DuckDB's error about a locked file as a StateBusyError."""
    try:
        yield
    except Exception as error:
        # duckdb.IOException; by name, because a project without DuckDB may not have its driver.
        if type(error).__module__.startswith(("duckdb", "_duckdb")) and "set lock" in str(error):
            raise StateBusyError("DuckDB", detail=" ".join(str(error).split())) from error
        raise
