"""What single snapshots of an environment say, as plain values."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmesh import Context
from sqlmesh.core.config import ConnectionConfig
from sqlmesh.utils.date import now_timestamp, to_timestamp
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.runtime.due import Evaluated
from dg_sqlmesh_codegen.runtime.events import PromotedModel
from dg_sqlmesh_codegen.runtime.run_target import PROD

from . import compat
from .compat import Environment, EnvironmentNamingInfo, Snapshot

# What SQLMesh's connections call the server.
_SERVERS = ("account", "host", "server_hostname")


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


def table_uri(connection: ConnectionConfig, table: str) -> str:
    """Return the engine, the server and the table, such as `postgres://db.example:5432/a.s.t`.

    It is for `dagster/uri`. Only the deployment knows it, so no package has it.

    Args:
        connection: of the model's gateway. It has no user and no password in the result.
        table: the name that readers query.

    Returns:
        An empty text if the connection names no server, as those of DuckDB and BigQuery, or only
        the folder of a socket.
    """
    servers = (getattr(connection, name, None) for name in _SERVERS)
    server = next(filter(None, servers), "/")
    if server.startswith("/"):
        return ""
    port = getattr(connection, "port", None)
    return f"{connection.type_}://{server}{f':{port}' if port else ''}/{table}"


def evaluated_models(
    environment: Environment, snapshots: Mapping[str, Snapshot]
) -> dict[str, Evaluated]:
    """Return the evaluated models of an environment by fqn, whoever evaluated them.

    The intervals of a version are in the state once, also if several environments share it. Call it
    before `missing_intervals`, which changes the snapshots.
    """
    before = {each.name: each.version for each in environment.previous_finalized_snapshots or ()}
    preview = None if environment.name == PROD else environment.name
    found = {}
    for name, snapshot in snapshots.items():
        intervals = snapshot.dev_intervals if preview else ()
        intervals = intervals or snapshot.intervals
        if intervals and is_asset(snapshot):
            altered = compat.altered_ms(snapshot, environment.name)
            is_new = before.get(name) != snapshot.version
            found[name] = Evaluated(
                version=str(snapshot.version),
                intervals=tuple(intervals),
                at_ms=altered,
                by=_evaluated_by(snapshot, altered, environment.finalized_ts, is_new=is_new),
                view=view_of(snapshot, environment) if preview else "",
                environment=preview,
            )
    return found


def _evaluated_by(
    snapshot: Snapshot, altered: int | None, finalized: int | None, *, is_new: bool
) -> str:
    """Return what evaluated a model last, as far as the state tells.

    No run of the environment evaluates seeds, or a version that its latest plan has promoted first,
    until that plan has ended. A version that was promoted before can have been evaluated by a run,
    or restated by the plan.
    """
    if snapshot.is_seed:
        return "plan"
    if altered and finalized and altered > finalized:
        return "run"
    return "plan" if altered and is_new else "plan or run"


def _uri(context: Context, gateway: str | None, view: str) -> str:
    try:
        connection = context.config.get_connection(gateway or context.gateway)
    except ConfigError:
        return ""  # the configuration no longer has the gateway, and only this model fails
    return table_uri(connection, view)
