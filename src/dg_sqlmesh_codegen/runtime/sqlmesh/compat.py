"""All that differs between SQLMesh versions, and all that its documentation does not cover.

The other modules of the runtime use documented parts of SQLMesh and what stands here, each with its
reason. Without a version it holds for all that were tried: 0.206.1, 0.215.0, 0.225.0, 0.228.1,
0.231.1, 0.234.1, 0.235.4 and 0.236.4.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.run_target import PROD, Evaluation

_VERSION = version("sqlmesh")
_MINOR = tuple(map(int, _VERSION.split(".")[:2]))
_OLDEST, _NEWEST = "0.206.1", "0.236.4"
_PIP = f'Run `pip install "sqlmesh>={_OLDEST},<={_NEWEST}"`.'
if _MINOR < (0, 206):
    raise SetupError(f"SQLMesh {_VERSION} is too old: dg-sqlmesh-codegen needs {_OLDEST}", _PIP)
try:
    from sqlmesh import Context
    from sqlmesh.core.config import ConnectionConfig
    from sqlmesh.core.console import NoopConsole
    from sqlmesh.core.environment import Environment, EnvironmentNamingInfo
    from sqlmesh.core.notification_target import NotificationTarget
    from sqlmesh.core.scheduler import merged_missing_intervals
    from sqlmesh.core.snapshot import (
        DeployabilityIndex,
        Snapshot,
        apply_auto_restatements,
    )
    from sqlmesh.core.state_sync import StateSync
    from sqlmesh.core.state_sync.base import SCHEMA_VERSION, Versions
    from sqlmesh.utils.connection_pool import ConnectionPool
    from sqlmesh.utils.dag import DAG
    from sqlmesh.utils.date import now_timestamp
except ImportError as error:
    raise SetupError(
        f"dg-sqlmesh-codegen cannot use SQLMesh {_VERSION}; it was tried up to {_NEWEST}",
        _PIP,
        str(error),
    ) from error

# For the other modules of this folder.
__all__ = [
    "DAG",
    "DeployabilityIndex",
    "Environment",
    "EnvironmentNamingInfo",
    "NoopConsole",
    "Snapshot",
]

Ranges = list[tuple[int, int]]
MissingIntervals = Mapping[str, Ranges]

# What SQLMesh lacks before a minor version.
_SINCE = {
    225: "`sqlmesh_restate_job` fails, with `restate = true`",
    224: "SQLMesh does not record when a model was evaluated, so evaluations without Dagster are "
    "reported only for new versions of a model",
    217: "a model does not wait for models further upstream, and runs although they failed, if the "
    "model between them is not due",
    212: "materializations have no numbers of rows and bytes",
}
# The start of what `Context.run` logs if it has nothing to do.
NOTHING_READY = "No models are ready to run. Please wait until a model `cron` interval has elapsed."


def choose_models(context: Context, choose: Callable[[], set[str]]) -> None:
    """Have each run of the context evaluate the fqns that `choose` returns, whatever it selects.

    SQLMesh's own selector parses names, and cannot parse all of them. SQLMesh restarts a run if a
    plan has changed the environment, with the selection of the first attempt. It makes its selector
    anew for each attempt, calls one method of it, and has no other hook there.
    """
    selector = SimpleNamespace(expand_model_selections=lambda *_args, **_options: choose())
    context._new_selector = lambda *_args, **_options: selector  # type: ignore[assignment,method-assign]


def left_out() -> list[str]:
    """Return what the installed version cannot do, and since when SQLMesh can."""
    return [f"{what} (0.{minor})" for minor, what in _SINCE.items() if (0, minor) > _MINOR]


def failed_node(error: BaseException) -> str:
    """Return the fqn of the model that failed. Before 0.210 a node is a tuple with the fqn."""
    node = getattr(error, "node", None)
    return str(node[0] if isinstance(node, tuple) else getattr(node, "snapshot_name", node))


def raise_exit_as_error() -> None:
    """Fail only the model if it ends with sys.exit. Call it in a `finally` of the model's thread.

    With several tasks, SQLMesh before 0.236 waits forever for a thread that ends so.
    """
    cause = sys.exc_info()[1]
    if cause is not None and not isinstance(cause, Exception):
        raise RuntimeError(f"{type(cause).__name__}: {cause}") from cause


def altered_ms(snapshot: Snapshot, environment: str) -> int | None:
    """Return when intervals were written. Previews in development environments count there.

    Before 0.224 SQLMesh does not record it.
    """
    names = ["last_altered_ts", *([] if environment == PROD else ["dev_last_altered_ts"])]
    return max(filter(None, (getattr(snapshot, name, None) for name in names)), default=None)


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
        or state.minor_sqlmesh_version > _MINOR
        or state.minor_sqlglot_version > tuple(map(int, version("sqlglot").split(".")[:2]))
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
) -> MissingIntervals:
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


def remove_intervals(context: Context, ranges: Mapping[Any, Ranges]) -> None:
    """Remove intervals of snapshots from the state, as a restatement does.

    Only the base class of the state documents the method. Other versions of a model stay as they
    are. Snapshots of one version share its intervals, and each is written with the snapshot that it
    was evaluated for: after a change of metadata that is not the current one.
    """
    # SQLMesh takes one interval of each version at a time.
    for layer in zip_longest(*([(each, one) for one in them] for each, them in ranges.items())):
        intervals = [pair for pair in layer if pair is not None]
        context.state_sync.remove_intervals(intervals, remove_shared_versions=True)


def kind_name(snapshot: Snapshot) -> str:
    """Return the kind of a model as a model's file has it. Only the enumeration documents it."""
    return str(snapshot.model.kind.name.value)


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
