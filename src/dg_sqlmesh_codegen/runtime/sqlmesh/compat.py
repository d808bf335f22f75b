"""What the runtime uses of SQLMesh that its documentation does not cover, each with its reason.

The console and the notification target are in `console`. Tested with sqlmesh 0.236.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from sqlmesh import Context
from sqlmesh.core.config.connection import ConnectionConfig
from sqlmesh.core.notification_target import NotificationTarget
from sqlmesh.core.scheduler import merged_missing_intervals
from sqlmesh.core.selector import NativeSelector
from sqlmesh.core.snapshot import (
    DeployabilityIndex,
    Snapshot,
    apply_auto_restatements,
)
from sqlmesh.core.state_sync import StateSync
from sqlmesh.core.state_sync.base import SCHEMA_VERSION, Versions
from sqlmesh.utils import major_minor
from sqlmesh.utils.connection_pool import ConnectionPool
from sqlmesh.utils.date import now_timestamp

from dg_sqlmesh_codegen.runtime.run_target import PROD, Evaluation


class ExactSelector(NativeSelector):
    """Selects models by fqn. SQLMesh's own selector parses names, and cannot parse all of them."""

    def expand_model_selections(
        self, model_selections: Iterable[str], models: object = None
    ) -> set[str]:
        """Return the given fqns."""
        return set(model_selections)


def set_concurrent_tasks(context: Context, tasks: int) -> None:
    """Open that many connections. The argument of `Context` only sets the number of threads."""
    context.connection_config.concurrent_tasks = tasks


def add_user_notifier(context: Context, notifier: NotificationTarget) -> None:
    """Notify the target also if the configuration has a `username`.

    SQLMesh then notifies only the targets of that user, and `Context` takes no targets of users.
    """
    username = context.config.username
    if username:
        targets = context.notification_target_manager.user_notification_targets
        targets.setdefault(username, set()).add(notifier)


def state_connection(context: Context) -> ConnectionConfig:
    """Return the configuration of the connection that the state is in."""
    return context.config.get_state_connection(context.gateway) or context.connection_config


def connect_to_state(context: Context) -> Any:  # noqa: ANN401 - a connection of any driver
    """Open a connection to the state, with the driver and the credentials that SQLMesh uses."""
    return state_connection(context).create_engine_adapter(concurrent_tasks=1).connection


def is_newer(state: Versions) -> bool:
    """Return whether a newer SQLMesh wrote the state: migrating is no remedy then.

    SQLMesh compares the same numbers, and says which side is ahead only in the text of its error.
    """
    return (
        state.schema_version > SCHEMA_VERSION
        or state.minor_sqlmesh_version > major_minor(version("sqlmesh"))
        or state.minor_sqlglot_version > major_minor(version("sqlglot"))
    )


@contextmanager
def open_state(context: Context) -> Iterator[StateSync]:
    """Open the state without creating it. `context.state_sync` would create missing tables."""
    state = context.config.get_scheduler(context.gateway).create_state_sync(context)
    try:
        yield state
    finally:
        state.close()  # the context does not; and DuckDB lets no other connection in until then


def open_handles(context: Context, gateway: str | None, thread: int) -> list[object]:
    """Return the BigQuery job, the cursor and the connection of a thread, to cancel its query.

    SQLMesh has no method that cancels a query. Its public properties open a cursor of the calling
    thread; this opens nothing. A pool keeps either one of each for every thread, or one for all.
    """
    pool = context.snapshot_evaluator.get_adapter(gateway)._connection_pool
    attributes = _of_thread(pool, thread, "_thread_attributes", "_attributes") or {}
    handles = (
        attributes.get("query_job"),
        _of_thread(pool, thread, "_thread_cursors", "_cursor"),
        _of_thread(pool, thread, "_thread_connections", "_connection"),
    )
    return [handle for handle in handles if handle is not None]


def _of_thread(
    pool: ConnectionPool, thread: int, of_each: str, of_all: str
) -> Any:  # noqa: ANN401 - of any driver
    by_thread = getattr(pool, of_each, None)
    return getattr(pool, of_all, None) if by_thread is None else by_thread.get(thread)


def refresh_intervals(context: Context, snapshots: Iterable[Snapshot]) -> None:
    """Read the intervals of snapshots again, which is much faster than reading the snapshots."""
    found = list(snapshots)
    for snapshot in found:
        # SQLMesh clears the other intervals itself before it adds those of the state.
        snapshot.pending_restatement_intervals = []
    context.state_reader.refresh_snapshot_intervals(found)


def missing_intervals(
    snapshots: Mapping[str, Snapshot], environment: str, evaluation: Evaluation
) -> dict[str, list[tuple[int, int]]]:
    """Return what `sqlmesh run` would evaluate, by name. SQLMesh has no dry run.

    Changes the snapshots, but not the state.

    Args:
        snapshots: every snapshot of the environment.
        environment: its name.
        evaluation: the times and `ignore_cron`. Selected models do not matter.
    """
    by_id = {snapshot.snapshot_id: snapshot for snapshot in snapshots.values()}
    execution_time = evaluation.execution_time or now_timestamp()
    if environment == PROD:
        # `sqlmesh run` does this first, and writes the result to the state.
        apply_auto_restatements(by_id, execution_time)
    missing = merged_missing_intervals(
        by_id.values(),
        start=evaluation.start,
        end=evaluation.end,
        execution_time=execution_time,
        deployability_index=deployability(by_id.values(), environment, evaluation.start),
        ignore_cron=evaluation.ignore_cron,
    )
    return {snapshot.name: intervals for snapshot, intervals in missing.items()}


def deployability(
    snapshots: Iterable[Snapshot], environment: str, start: str | None = None
) -> DeployabilityIndex:
    """Return which tables of an environment hold production data, as `sqlmesh run` does."""
    if environment == PROD:
        return DeployabilityIndex.all_deployable()
    return DeployabilityIndex.create(list(snapshots), start=start)


def run_audit(
    context: Context, snapshot: Snapshot, **options: Any  # noqa: ANN401 - of SQLMesh's types
) -> Any:  # noqa: ANN401 - a result with `count`, `query` and `blocking`
    """Run one audit on the table of a snapshot, and return the number of rows that it found.

    The public method runs all audits of a snapshot, and has no result if one of them cannot run.
    Its parameters are the same in SQLMesh 0.206 to 0.236.
    """
    return context.snapshot_evaluator._audit(snapshot=snapshot, **options)
