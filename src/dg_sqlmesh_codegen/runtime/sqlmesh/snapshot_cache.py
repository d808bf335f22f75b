"""Keeps the promoted snapshots between the ticks of a process.

SQLMesh takes seconds to read a thousand snapshots, and a tick can come every few minutes. Snapshots
only change when a plan is applied. Their intervals change with every run.
"""

from __future__ import annotations

from collections import OrderedDict

from sqlmesh import Context
from sqlmesh.core.environment import Environment
from sqlmesh.core.snapshot import Snapshot

from dg_sqlmesh_codegen.runtime.run_target import Target

from . import compat
from .promoted import read_environment, read_snapshots

# A code location has one project, sometimes two. Each keeps its models in memory.
_MAX_TARGETS = 2


class SnapshotCache:
    """The snapshots of the latest targets. Not thread-safe."""

    def __init__(self) -> None:
        self._cached: OrderedDict[Target, tuple[object, dict[str, Snapshot]]] = OrderedDict()

    def read(self, context: Context, target: Target) -> dict[str, Snapshot]:
        """Return the promoted snapshots with their current intervals, by fqn.

        Raises:
            SetupError: as `read_environment`.
        """
        environment = read_environment(context, target)
        version = _version(environment)
        cached_version, snapshots = self._cached.pop(target, (None, {}))
        if cached_version == version:
            compat.refresh_intervals(context, snapshots.values())
        else:
            snapshots = read_snapshots(context, environment)
        if not any(map(_has_auto_restatement, snapshots.values())):
            self._cached[target] = (version, snapshots)
            while len(self._cached) > _MAX_TARGETS:
                self._cached.popitem(last=False)
        return snapshots


def _version(environment: Environment) -> object:
    """Return a value that changes when a plan is applied to the environment."""
    ids = frozenset(snapshot.snapshot_id for snapshot in environment.snapshots)
    return environment.plan_id, environment.finalized_ts, ids


def _has_auto_restatement(snapshot: Snapshot) -> bool:
    """Return whether runs write more of it than intervals: the time of the next restatement."""
    return snapshot.is_model and snapshot.model.auto_restatement_cron is not None
