"""Why a run cannot start: said in one line, with the command that mends it."""

from __future__ import annotations


class SetupError(Exception):
    """The SQLMesh project or its state is not ready to run; trying again will not help."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Join what is wrong and what to do about it."""
        super().__init__(f"{problem.rstrip('.')}. {remedy}")


class StateBusyError(Exception):
    """Another process holds the database that the state is in."""


class RunStoppedError(Exception):
    """The Dagster run is being stopped: SQLMesh may not start another batch."""
