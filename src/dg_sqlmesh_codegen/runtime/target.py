"""What to run and how, as plain values that cross the thread and the import of SQLMesh."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A SQLMesh project and the environment of it that is run.

    `project_dirs` are absolute folders; `concurrent_tasks` None is the connection's own setting.
    """

    project_dirs: tuple[str, ...]
    environment: str
    gateway: str | None = None
    config_name: str | None = None
    concurrent_tasks: int | None = None

    @property
    def arguments(self) -> str:
        """What the `sqlmesh` command line needs to find the same project and gateway."""
        words = [word for folder in self.project_dirs for word in ("-p", folder)]
        words += ["--gateway", self.gateway] if self.gateway else []
        words += ["--config", self.config_name] if self.config_name else []
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The models of one run, by fqn, and the options of `sqlmesh run`.

    Times are text, as SQLMesh reads it.
    """

    fqns: frozenset[str]
    ignore_cron: bool = False
    start: str | None = None
    end: str | None = None
    execution_time: str | None = None
    include_upstream: bool = False
