"""Holds the lock of a SQLMesh state during a run or a tick."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dg_sqlmesh_codegen.runtime.errors import RunStoppedError, SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import Emit, Message
from dg_sqlmesh_codegen.runtime.run_target import Exclusivity, Locking

from .cancel import Stop
from .file_lock import LockHolder, LockUnusableError, hold


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A request for exclusive use of a state.

    Args:
        run_id: the Dagster run that asks; empty for a tick.
        locking: how long to wait, and what to do if the lock cannot be used.
        emit: takes messages about the wait and the lock.
        stop: ends the wait once it is set.
    """

    run_id: str
    locking: Locking
    emit: Emit = lambda _: None
    stop: Stop = field(default_factory=Stop)


@dataclass(slots=True)
class WaitPolicy:
    """What a process does while another one holds the lock: log, stop or give up."""

    request: LockRequest
    _logged: set[LockHolder | None] = field(default_factory=set)

    def __call__(self, holder: LockHolder | None, waited_seconds: float) -> None:
        """Log each new holder once.

        Raises:
            RunStoppedError: the Dagster run is being stopped.
            StateBusyError: a run holds the lock, and a tick waits for other ticks only.
        """
        request = self.request
        if request.stop.is_set():
            raise RunStoppedError("the Dagster run was stopped while it waited for another one")
        if holder and holder.run_id and not request.run_id:
            raise StateBusyError(str(holder))
        if self._logged and holder in {None, *self._logged}:
            return
        self._logged.add(holder)
        left = max(request.locking.timeout_seconds - waited_seconds, 0)
        text = (
            f"Waiting for {holder or 'another process'} to end, for up to {left:.0f} seconds. "
            "Only one SQLMesh run can use a state at a time"
        )
        request.emit(Message(logging.INFO, text))


@contextmanager
def hold_state(path: Path, request: LockRequest) -> Iterator[None]:
    """Hold the lock file of a state, unless `exclusivity` is `off`.

    Raises:
        SetupError: the lock file cannot be used, and `exclusivity` is `require`.
        StateBusyError: another process held the lock until the timeout.
    """
    locking = request.locking
    with ExitStack() as held:
        try:
            if locking.exclusivity is not Exclusivity.OFF:
                holder = LockHolder.here(request.run_id)
                timeout = locking.timeout_seconds
                held.enter_context(hold(path, holder, timeout, WaitPolicy(request)))
        except LockUnusableError as error:
            problem = SetupError(
                f"The lock file that prevents two SQLMesh runs at once cannot be used: {error}",
                "Free the disk or the folder, set `lock_dir` of the `sqlmesh` resource to a folder "
                "that all its runs can write to, or set its `exclusivity` to 'warn'.",
            )
            if locking.exclusivity is Exclusivity.REQUIRE:
                raise problem from error
            request.emit(Message(logging.WARNING, str(problem)))
        yield
