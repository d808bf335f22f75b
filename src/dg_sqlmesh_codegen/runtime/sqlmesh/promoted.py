"""Reads what is promoted in a SQLMesh environment."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from sqlmesh import Context
from sqlmesh.utils.date import now_timestamp
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.run_target import PROD, Evaluation, Target

from . import compat
from .compat import DAG, DeployabilityIndex, Environment, Snapshot
from .context import in_context, server_lock
from .snapshots import parent_names, promoted_model
from .state_identity import duckdb_file, duckdb_path


@dataclass(frozen=True)
class PromotedEnvironment:
    """An environment of the state, its snapshots by fqn, and prod if that is another one."""

    environment: Environment
    snapshots: dict[str, Snapshot]
    prod: Environment | None = None

    @property
    def is_prod(self) -> bool:
        """Whether it is SQLMesh's production environment."""
        return self.environment.name == PROD

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """The fqns of what each snapshot reads, by fqn."""
        return {name: parent_names(snapshot) for name, snapshot in self.snapshots.items()}

    @property
    def upstream_first(self) -> list[str]:
        """The fqns, each one after those that it reads."""
        return [name for name in self._dag if name in self.snapshots]

    def upstream(self, fqns: Iterable[str]) -> set[str]:
        """Return the fqns of all that is upstream of any of the snapshots."""
        return {name for fqn in fqns for name in self._dag.upstream(fqn)} & self.snapshots.keys()

    def downstream(self, fqns: Iterable[str]) -> set[str]:
        """Return the fqns of all that is downstream of any of the snapshots."""
        return {name for fqn in fqns for name in self._dag.downstream(fqn)}

    @cached_property
    def deployability(self) -> DeployabilityIndex:
        """Which tables of the environment hold production data."""
        return compat.deployability(self.snapshots.values(), self.environment.name)

    def missing_intervals(self, evaluation: Evaluation) -> compat.MissingIntervals:
        """Return what `sqlmesh run` would evaluate, by fqn, whatever is selected.

        Changes the snapshots, but not the state.
        """
        return compat.missing_intervals(self.snapshots, self.environment.name, evaluation)

    def models(self, context: Context) -> tuple[PromotedModel, ...]:
        """Return all that is promoted as plain values."""
        snapshots = self.snapshots.values()
        return tuple(promoted_model(context, each, self.environment) for each in snapshots)

    def has_version_of_prod(self, fqn: str) -> bool:
        """Return whether prod has the same version of a node. Prod itself has no other one."""
        return (fqn, self.snapshots[fqn].version) in self._versions_of_prod

    def shared_with_prod(self, start: str | None = None) -> frozenset[str]:
        """Return the nodes whose table is prod's, in a run from a start.

        A preview of a forward-only change has prod's version, but a table and intervals of its own
        until the change is promoted in prod. SQLMesh calls the snapshot not representative until
        then.
        """
        same = frozenset(filter(self.has_version_of_prod, self.snapshots))
        if not same:
            return same
        index = compat.deployability(self.snapshots.values(), self.environment.name, start)
        return frozenset(each for each in same if index.is_representative(self.snapshots[each]))

    @cached_property
    def _versions_of_prod(self) -> frozenset[tuple[str, str | None]]:
        prod = self.prod.snapshots if self.prod else ()
        return frozenset((each.name, each.version) for each in prod)

    @cached_property
    def _dag(self) -> DAG[str]:
        return DAG({name: {*parents} for name, parents in self.parents.items()})


def promoted_models(target: Target) -> tuple[PromotedModel, ...]:
    """Read everything that is promoted in the environment, without a lock.

    Raises:
        SetupError, StateBusyError, RunError: as `due_models.read_due_models`.
    """
    return in_context(target, lambda context: read_promoted(context, target).models(context))


def lock_server(target: Target) -> str | None:
    """Return the name of the server whose lock excludes a second run; None if there is none.

    Raises:
        SetupError, RunError: as `promoted_models`.
    """

    def find(context: Context) -> str | None:
        lock = server_lock(context, target)
        return lock.find() if lock else None

    return in_context(target, find)


def read_promoted(context: Context, target: Target) -> PromotedEnvironment:
    """Read the environment with its snapshots.

    Raises:
        SetupError: as `read_environment`.
    """
    environment = read_environment(context, target)
    snapshots = read_snapshots(context, environment)
    return PromotedEnvironment(environment, snapshots, read_prod(context, target))


def read_environment(context: Context, target: Target) -> Environment:
    """Read the environment from the state.

    Raises:
        SetupError: it was never planned, it expired, or the state belongs to another SQLMesh
            version.
    """
    _require_current_state(context, target)
    environment = context.state_reader.get_environment(target.environment)
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


def read_prod(context: Context, target: Target) -> Environment | None:
    """Read prod from the state; None if the target is prod, or if there is none."""
    return None if target.environment == PROD else context.state_reader.get_environment(PROD)


def read_snapshots(context: Context, environment: Environment) -> dict[str, Snapshot]:
    """Read the snapshots of an environment with their intervals, by fqn."""
    snapshots = context.state_reader.get_snapshots(environment.snapshots).values()
    return {snapshot.name: snapshot for snapshot in snapshots}


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
    remedy = f"Run `{target.plan_command}`."
    if path in ("", ":memory:"):
        problem += ": the state is in memory, and no other process can read it"
        remedy = "Set `database` of the DuckDB connection to a file, and plan again."
    elif path and file:
        problem += f" (the state is expected in {file})"
        if not Path(path).is_absolute():
            # Planned anywhere else, it would make a second warehouse there.
            remedy = (
                f"The path {path} is relative: start Dagster in the folder in which you planned, "
                f"or run `cd {shlex.quote(target.project_dirs[0])} && {target.plan_command}`."
            )
    return SetupError(problem, remedy)
