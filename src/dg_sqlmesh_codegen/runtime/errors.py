"""Why a run cannot start or go on: said in one line, with the command that mends it."""

from __future__ import annotations

from typing import Self


class _Said(Exception):  # noqa: N818 - its leaves are the errors
    """An error that can be made again from its text."""

    @classmethod
    def saying(cls, text: str) -> Self:
        """Return an error of this type with exactly this text."""
        error = cls.__new__(cls)
        Exception.__init__(error, text)
        return error


class SetupError(_Said):
    """The SQLMesh project or its state is not ready to run; trying again will not help."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Join what is wrong and what to do about it."""
        super().__init__(f"{problem.rstrip('.')}. {remedy}")


class StateBusyError(_Said):
    """Another process holds the state, or the database that it is in; later it will not."""


class RunError(Exception):
    """SQLMesh's run failed as a whole; `traceback` tells where, without secrets."""

    def __init__(self, problem: str, traceback: str = "") -> None:
        """Take what went wrong, and the traceback as text."""
        super().__init__(problem)
        self.traceback = traceback


class RunStoppedError(Exception):
    """The Dagster run is being stopped: SQLMesh may not start another batch."""
