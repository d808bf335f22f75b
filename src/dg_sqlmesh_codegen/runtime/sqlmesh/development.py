"""What a run of a development environment leaves to prod.

A plan of a development environment copies nothing that did not change: its models without a change
have prod's snapshots, and with them prod's tables and intervals. `sqlmesh run pr_1` evaluates these
models where they are due: it writes prod's tables, and prod's intervals with them, so that prod's
own run finds nothing to do (tried with 0.206.1 and 0.236.4). A run of Dagster leaves them to prod.

Where the state has no environment `prod`, nothing is shared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from sqlmesh import Context

from dg_sqlmesh_codegen.runtime.due import LeftToProd
from dg_sqlmesh_codegen.runtime.run_target import PROD, Evaluation, Target, Upstream

from . import compat
from .compat import Environment, Snapshot, snapshots_to_dag
from .promoted import find_environment, parent_names, read_snapshots
from .upstream import Intervals, overlap, with_upstream


def prod_of(context: Context, target: Target) -> Environment | None:
    """Read prod from the state; None if the target is prod, or if there is none."""
    if target.environment == PROD:
        return None
    return context.state_reader.get_environment(PROD)


def left_to_prod(
    prod: Environment | None,
    snapshots: Mapping[str, Snapshot],
    target: Target,
    evaluation: Evaluation,
) -> LeftToProd:
    """Return what a run of the environment does not evaluate, because it is prod's.

    With `upstream` "warn" or "ignore" nothing waits for prod.
    """
    shared = _shared(prod, snapshots, target, evaluation.start) if prod else frozenset()
    if not shared or evaluation.upstream in (Upstream.WARN, Upstream.IGNORE):
        return LeftToProd(shared)
    missing = compat.missing_intervals(snapshots, target.environment, evaluation)
    return LeftToProd(shared, waiting_for(shared, snapshots, missing))


@dataclass(slots=True)
class Choice:
    """Chooses what a run of a development environment evaluates.

    SQLMesh asks again if a plan changes the environment: it then restarts the run. A model that was
    the environment's own can be prod's after the plan.
    """

    context: Context
    target: Target
    evaluation: Evaluation
    environment: Environment
    snapshots: Mapping[str, Snapshot]

    def choose(self) -> set[str]:
        """Return the selected models that are not left to prod; those upstream as selected."""
        current = find_environment(self.context, self.target)
        if current is None:
            return set()  # SQLMesh says that it is gone
        if current.plan_id != self.environment.plan_id:
            self.environment, self.snapshots = current, read_snapshots(self.context, current)
        chosen = {*self.evaluation.fqns & self.snapshots.keys()}
        if self.evaluation.upstream is Upstream.INCLUDE:
            chosen = with_upstream(chosen, self.snapshots)
        prod = prod_of(self.context, self.target)
        return chosen - left_to_prod(prod, self.snapshots, self.target, self.evaluation).fqns


def waiting_for(
    shared: Collection[str],
    snapshots: Mapping[str, Snapshot],
    missing: Mapping[str, Intervals],
) -> dict[str, frozenset[str]]:
    """Return the due models that read what prod has not evaluated, with those models of prod.

    A model waits only for intervals that it is about to evaluate: SQLMesh would write them down as
    done. What is downstream of a waiting model waits with it.
    """
    dag, found = snapshots_to_dag(snapshots.values()), dict[str, frozenset[str]]()
    parents = {name: parent_names(snapshot) for name, snapshot in snapshots.items()}
    for name in TopologicalSorter(parents).static_order():
        if name not in missing or name in shared:
            continue
        upstream = {each.name for each in dag.upstream(snapshots[name].snapshot_id)} - {name}
        late = {each for each in upstream & missing.keys() if overlap(missing[each], missing[name])}
        blocking = {each for each in late if each in shared}
        blocking.update(*(found[each] for each in late if each in found))
        if blocking:
            found[name] = frozenset(blocking)
    return found


def _shared(
    prod: Environment, snapshots: Mapping[str, Snapshot], target: Target, start: str | None
) -> frozenset[str]:
    """Return the nodes whose table is prod's.

    A preview of a forward-only change has prod's version, but a table and intervals of its own
    until the change is promoted in prod. SQLMesh calls the snapshot not representative until then.
    """
    versions = {each.name: each.version for each in prod.snapshots}
    index = compat.deployability(snapshots.values(), target.environment, start)
    return frozenset(
        name
        for name, each in snapshots.items()
        if versions.get(name) == each.version and index.is_representative(each)
    )
