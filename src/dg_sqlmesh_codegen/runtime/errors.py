"""Errors of a run. Each message is one line: the problem, and how to fix it."""

from __future__ import annotations


class _ReportedError(Exception):
    """An error in one line. Only `detail`, a text of SQLMesh or a driver, can hold a secret."""

    def __init__(self, problem: str, remedy: str = "", detail: str = "") -> None:
        """Join the problem, its detail and its remedy."""
        self.problem, self.remedy, self.detail = problem, remedy, detail
        line = f"{problem}: {detail}" if detail else problem
        super().__init__(f"{line.rstrip('.')}. {remedy}" if remedy else line)


class SetupError(_ReportedError):
    """The SQLMesh project, its state or the environment is not ready. A retry does not help."""


class StateBusyError(_ReportedError):
    """Another process uses SQLMesh's state, or the database that holds it. A retry can help."""


class RunHoldsStateError(StateBusyError):
    """A run holds the lock of SQLMesh's state, and a tick does not wait for it."""


class RunError(Exception):
    """SQLMesh's run failed as a whole. `traceback` is text without secrets."""

    def __init__(self, problem: str, traceback: str = "") -> None:
        """Take the problem and the traceback."""
        super().__init__(problem)
        self.traceback = traceback


class RunStoppedError(Exception):
    """The Dagster run is being stopped, so SQLMesh must not start another batch."""
