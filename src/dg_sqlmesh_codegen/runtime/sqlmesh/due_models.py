"""Reads which models a run would evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmesh.core.snapshot import Snapshot, SnapshotId

from dg_sqlmesh_codegen.runtime.concurrency.state_lock import LockRequest
from dg_sqlmesh_codegen.runtime.redaction import Redaction, redacted_errors
from dg_sqlmesh_codegen.runtime.run_target import Target

from . import compat, promoted
from .context import open_context
from .snapshot_cache import SnapshotCache

# Shared by the ticks of this process, which run one at a time (see `schedule`).
_CACHE = SnapshotCache()


@dataclass(frozen=True, slots=True)
class DueModels:
    """The due models, by fqn, and when the next other model is due (None: never)."""

    fqns: frozenset[str]
    next_due: datetime | None


def read_due_models(target: Target, execution_time: datetime) -> DueModels:
    """Return which models a run at `execution_time` would evaluate.

    Signals are left to the run: they are code of the project, and can take longer than a tick.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        StateBusyError: a run holds the lock, or another process has opened the state's database.
        RunError: any other error, without secrets.
    """

    def read(redaction: Redaction) -> DueModels:
        request = LockRequest("", target.locking.for_tick())
        with open_context(target, redaction, request) as context:
            snapshots = _CACHE.read(context, target)
        return _due_models(snapshots, target, execution_time)

    return redacted_errors(read)


def _due_models(
    snapshots: Mapping[str, Snapshot], target: Target, execution_time: datetime
) -> DueModels:
    by_id = {snapshot.snapshot_id: snapshot for snapshot in snapshots.values()}
    missing = compat.snapshots_with_missing_intervals(
        by_id, execution_time, is_prod=target.environment == promoted.PROD
    )
    fqns = frozenset(snapshot.name for snapshot in missing if _can_be_selected(snapshot, by_id))
    upcoming = [
        snapshot.node.cron_next(execution_time)
        for snapshot in snapshots.values()
        if promoted.has_cron(snapshot) and snapshot.name not in fqns
    ]
    return DueModels(fqns, min(upcoming, default=None))


def _can_be_selected(snapshot: Snapshot, snapshots: Mapping[SnapshotId, Snapshot]) -> bool:
    """Return whether a package can contain it. An audit needs the asset of a model it reads."""
    if not snapshot.is_audit:
        return True
    parents = [snapshots[parent] for parent in snapshot.parents if parent in snapshots]
    return any(promoted.is_asset(parent) for parent in parents)
