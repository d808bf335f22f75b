"""Reads what is promoted in a SQLMesh environment."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

from sqlmesh import Context
from sqlmesh.utils.date import now_timestamp, to_timestamp
from sqlmesh.utils.errors import ConfigError, SQLMeshError

from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.redaction import Redaction, redacted_errors
from dg_sqlmesh_codegen.runtime.run_target import PROD, Target

from . import compat
from .compat import Environment, EnvironmentNamingInfo, Snapshot
from .context import open_context, server_lock
from .state_identity import duckdb_file, duckdb_path
from .table_uri import table_uri


def promoted_models(target: Target) -> tuple[PromotedModel, ...]:
    """Read everything that is promoted in the environment, without a lock.

    Raises:
        SetupError, StateBusyError, RunError: as `due_models.read_due_models`.
    """

    def read(redaction: Redaction) -> tuple[PromotedModel, ...]:
        with open_context(target, redaction) as context:
            environment = read_environment(context, target)
            snapshots = read_snapshots(context, environment).values()
            return tuple(promoted_model(context, each, environment) for each in snapshots)

    return redacted_errors(read)


def lock_server(target: Target) -> str | None:
    """Return the name of the server whose lock excludes a second run; None if there is none.

    Raises:
        SetupError, RunError: as `promoted_models`.
    """

    def read(redaction: Redaction) -> str | None:
        with open_context(target, redaction) as context:
            lock = server_lock(context, target)
            return lock.find() if lock else None

    return redacted_errors(read)


def read_environment(context: Context, target: Target) -> Environment:
    """Read the environment from the state.

    Raises:
        SetupError: it was never planned, it expired, or the state belongs to another SQLMesh
            version.
    """
    _require_current_state(context, target)
    environment = find_environment(context, target)
    if environment is None:
        raise _never_planned(context, target)
    # `sqlmesh invalidate` sets it to now. The janitor removes the environment later, and until then
    # SQLMesh would run it. A new plan clears it.
    if environment.expiration_ts and environment.expiration_ts <= now_timestamp():
        at = datetime.fromtimestamp(environment.expiration_ts / 1000, UTC)
        raise SetupError(
            f"The SQLMesh environment {target.environment!r} expired or was invalidated "
            f"at {at:%Y-%m-%d %H:%M} UTC",
            f"Run `{target.plan_command}` with its files, if it is still needed.",
        )
    return environment


def find_environment(context: Context, target: Target) -> Environment | None:
    """Read the environment from a state that can be read; None if it is not there."""
    return context.state_reader.get_environment(compat.environment_name(target.environment))


def read_snapshots(context: Context, environment: Environment) -> dict[str, Snapshot]:
    """Read the snapshots of an environment with their intervals, by fqn."""
    snapshots = context.state_reader.get_snapshots(environment.snapshots).values()
    return {snapshot.name: snapshot for snapshot in snapshots}


def promoted_model(context: Context, snapshot: Snapshot, environment: Environment) -> PromotedModel:
    """Return a snapshot of an environment as plain values."""
    tick = snapshot.node.cron_next(now_timestamp()) if has_cron(snapshot) else None
    # A standalone audit has no view, and a name that need not be one of a table.
    view = view_of(snapshot, environment) if is_asset(snapshot) else ""
    return PromotedModel(
        fqn=snapshot.name,
        data_hash=snapshot.fingerprint.data_hash,
        parents=parent_names(snapshot),
        next_due_ms=to_timestamp(tick) if tick else None,
        is_asset=is_asset(snapshot),
        view=view,
        uri=_uri(context, snapshot.model_gateway, view) if view else "",
    )


def _uri(context: Context, gateway: str | None, view: str) -> str:
    try:
        connection = context.config.get_connection(gateway or context.gateway)
    except ConfigError:
        return ""  # the configuration no longer has the gateway, and only this model fails
    return table_uri(connection, view)


def view_of(snapshot: Snapshot, environment: Environment) -> str:
    """Return the name of the view that readers of an environment query.

    A plan of a development environment promotes only what it has changed, but for
    `--include-unmodified`: of all other models there is the view of prod.
    """
    name, dialect = snapshot.qualified_view_name, snapshot.node.dialect
    naming, promoted = environment.naming_info, environment.promoted_snapshot_ids
    if environment.name != PROD and promoted is not None and snapshot.snapshot_id not in promoted:
        if naming.catalog_name_override:
            return ""  # prod can have a catalog of its own, too
        naming = EnvironmentNamingInfo(name=PROD)
    return name.for_environment(naming, dialect=dialect)


def is_asset(snapshot: Snapshot) -> bool:
    """Return whether a generated package has an asset for the snapshot."""
    return snapshot.is_model and not snapshot.is_symbolic


def has_cron(snapshot: Snapshot) -> bool:
    """Return whether runs evaluate the snapshot again: not seeds, and not symbolic models."""
    return is_asset(snapshot) and not snapshot.is_seed


def parent_names(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the fqns of the other snapshots that the snapshot reads."""
    names = {parent.name for parent in snapshot.parents}
    return tuple(sorted(names - {snapshot.name}))


def _require_current_state(context: Context, target: Target) -> None:
    connection = compat.state_connection(context)
    file = duckdb_file(connection)
    if file and not file.exists():
        raise _never_planned(context, target)  # connecting would create the file
    with compat.open_state(context) as state:
        versions = state.get_versions(validate=False)
        try:
            if versions.schema_version == 0:
                # SQLMesh also finds no tables if it cannot open the database. This raises then.
                connection.connection_validator()()
                raise _never_planned(context, target)
            state.get_versions()
        except SQLMeshError as error:
            remedy = f"Run `sqlmesh {target.cli_arguments} migrate`."
            if compat.is_newer(versions):
                remedy = (
                    f"Run `pip install sqlmesh=={versions.sqlmesh_version} "
                    f"sqlglot=={versions.sqlglot_version}`: the versions of the state."
                )
            problem = "The SQLMesh state and the installed SQLMesh do not match"
            # SQLMesh's remedy, "Please ...", has no project.
            detail = str(error).partition(" Please ")[0]
            raise SetupError(problem, remedy, detail) from error


def _never_planned(context: Context, target: Target) -> SetupError:
    connection = compat.state_connection(context)
    file, path = duckdb_file(connection), duckdb_path(connection)
    problem = f"The SQLMesh environment {target.environment!r} was never planned"
    if target.environment != PROD:
        problem += ", or it expired and the janitor removed it"
    if path in ("", ":memory:"):
        return SetupError(
            f"{problem}: the state is in memory, and no other process can read it",
            "Set `database` of the DuckDB connection to a file, and plan again.",
        )
    if file is None or path is None:
        return SetupError(problem, f"Run `{target.plan_command}`.")
    remedy = f"Run `{target.plan_command}`."
    if not Path(path).is_absolute():
        # Planned anywhere else, it would make a second warehouse there.
        remedy = (
            f"The path {path} is relative: start Dagster in the folder in which you planned, or "
            f"run `cd {shlex.quote(target.project_dirs[0])} && {target.plan_command}`."
        )
    return SetupError(f"{problem} (the state is expected in {file})", remedy)
