"""A run whose context is open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlmesh import Context

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.events import Emit
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target

from . import compat
from .console import RunConsole
from .promoted import PromotedEnvironment, read_prod, read_snapshots


@dataclass(frozen=True)
class OpenRun:
    """What a run was asked for, what is promoted, and who takes its events.

    `emit` takes events of ours. `emit_redacted` is for those that hold texts of SQLMesh, a driver
    or the project.
    """

    context: Context
    target: Target
    evaluation: Evaluation
    promoted: PromotedEnvironment
    emit: Emit
    emit_redacted: Emit
    stop: Stop

    def listen(self, emit: Emit | None = None) -> None:
        """Have SQLMesh tell `emit`, or `emit_redacted`, what it does, and stop if it must."""
        handles = partial(compat.open_handles, self.context)
        self.context.console = RunConsole(emit or self.emit_redacted, self.stop, handles)

    def has_changed(self) -> bool:
        """Return whether a plan has changed or removed the environment since it was read."""
        current = self.context.state_reader.get_environment(self.target.environment)
        return current is None or current.plan_id != self.promoted.environment.plan_id

    def promoted_now(self) -> PromotedEnvironment | None:
        """Return what is promoted now; None if the environment is gone."""
        current = self.context.state_reader.get_environment(self.target.environment)
        if current is None:
            return None
        snapshots = self.promoted.snapshots
        if current.plan_id != self.promoted.environment.plan_id:
            snapshots = read_snapshots(self.context, current)
        return PromotedEnvironment(current, snapshots, read_prod(self.context, self.target))
