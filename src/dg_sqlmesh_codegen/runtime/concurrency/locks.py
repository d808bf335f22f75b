"""What a lock of a SQLMesh state is asked for, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dg_sqlmesh_codegen.runtime.events import Emit
from dg_sqlmesh_codegen.runtime.run_target import Locking

from .cancel import Stop


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A request for exclusive use of a state.

    Args:
        run_id: the Dagster run that asks; empty for a tick.
        locking: how long to wait, and what to do if the lock cannot be used.
        emit: takes messages about the wait and the lock, from several threads.
        stop: ends the wait once it is set. It is set if the lock is lost.
        redact: removes secrets from the text of a driver.
    """

    run_id: str
    locking: Locking
    emit: Emit = lambda _: None
    stop: Stop = field(default_factory=Stop)
    redact: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who holds a lock.

    `run_id` is the Dagster run, empty for a tick that reads the state, and None if only the process
    is known. `process` says where it is.
    """

    run_id: str | None
    process: str

    def __str__(self) -> str:
        if self.run_id is None:
            return f"another process ({self.process})"
        who = f"run {self.run_id}" if self.run_id else "a tick of the schedule"
        return f"{who} ({self.process})"
