"""Errors of a run. Each message is one line: the problem, and how to fix it."""

from __future__ import annotations


class SetupError(Exception):
    """The SQLMesh project, its state or the environment is not ready. A retry does not help."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        """Join the problem and its remedy into one line."""
        super().__init__(f"{problem.rstrip('.')}. {remedy}" if remedy else problem)


class StateBusyError(Exception):
    """Another process uses SQLMesh's state, or the database that holds it. A retry can help."""


class RunError(Exception):
    """SQLMesh's run failed as a whole. `traceback` is text without secrets."""

    def __init__(self, problem: str, traceback: str = "") -> None:
        """Take the problem and the traceback."""
        super().__init__(problem)
        self.traceback = traceback


class RunStoppedError(Exception):
    """The Dagster run is being stopped, so SQLMesh must not start another batch."""
