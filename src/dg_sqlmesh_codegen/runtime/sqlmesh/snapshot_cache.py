"""The promoted snapshots, remembered between the ticks of a process.

Reading a thousand snapshots takes SQLMesh seconds, and a tick may come every few minutes. They only
change when a plan is applied; what changes with every run are their intervals.

Imports SQLMesh, so it is imported at execution time only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlmesh import Context
from sqlmesh.core.environment import Environment
from sqlmesh.core.snapshot import Snapshot, SnapshotId

from dg_sqlmesh_codegen.runtime.run_target import Target

from .context import promoted_environment, promoted_snapshots_of

# A code location has one project, seldom two; each keeps its models in memory.
_MOST_TARGETS = 2


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells one state of an environment from the next."""

    plan_id: str
    finalized: int | None
    snapshots: frozenset[SnapshotId]

    @classmethod
    def of(cls, environment: Environment) -> _Version:
        ids = frozenset(snapshot.snapshot_id for snapshot in environment.snapshots)
        return cls(environment.plan_id, environment.finalized_ts, ids)


class RememberedSnapshots:
    """The snapshots of the last few environments asked for. Not for several threads at once."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._known: OrderedDict[Target, tuple[_Version, dict[str, Snapshot]]] = OrderedDict()

    def read(self, context: Context, target: Target) -> dict[str, Snapshot]:
        """Return what is promoted, with its intervals as they are now, by fqn.

        Raises:
            SetupError: the environment was never planned, or the state is of another SQLMesh.
        """
        environment = promoted_environment(context, target)
        version = _Version.of(environment)
        known_version, snapshots = self._known.pop(target, (None, {}))
        if known_version == version:
            _refresh_intervals(context, snapshots.values())
        else:
            snapshots = promoted_snapshots_of(context, environment)
        if not any(map(_restates_itself, snapshots.values())):
            self._known[target] = (version, snapshots)
            while len(self._known) > _MOST_TARGETS:
                self._known.popitem(last=False)
        return snapshots


def _refresh_intervals(context: Context, snapshots: Iterable[Snapshot]) -> None:
    found = list(snapshots)
    for snapshot in found:
        # SQLMesh empties the others itself before it adds what the state has.
        snapshot.pending_restatement_intervals = []
    context.state_reader.refresh_snapshot_intervals(found)


def _restates_itself(snapshot: Snapshot) -> bool:
    """Whether runs write down more of it than intervals: when it is to be restated next."""
    return snapshot.is_model and snapshot.model.auto_restatement_cron is not None
