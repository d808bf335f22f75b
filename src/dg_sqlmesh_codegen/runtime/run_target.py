"""What to run and how, as plain values that cross the thread and the import of SQLMesh."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from enum import Enum

# How long a tick waits for another one that reads the same state, in seconds. Dagster gives a tick
# a minute.
_TICK_PATIENCE = 30.0


class Exclusivity(Enum):
    """What is done where nothing can keep two SQLMesh runs apart: fail, warn, or not look."""

    REQUIRE = "require"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Locking:
    """How runs of one host are kept apart.

    `timeout` is how many seconds a run waits for another one; `folder` holds the lock files, None
    is the one that all processes of the host share.
    """

    exclusivity: Exclusivity = Exclusivity.REQUIRE
    timeout: float = 3600.0
    folder: str | None = None


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
    locking: Locking = Locking()

    @property
    def arguments(self) -> str:
        """What the `sqlmesh` command line needs to find the same project and gateway."""
        words = [word for folder in self.project_dirs for word in ("-p", folder)]
        words += ["--gateway", self.gateway] if self.gateway else []
        words += ["--config", self.config_name] if self.config_name else []
        return shlex.join(words)

    def for_tick(self) -> Target:
        """Return the target as a tick locks it: waiting for other ticks, with a lock or without."""
        needed = self.locking.exclusivity is not Exclusivity.OFF
        mode = Exclusivity.WARN if needed else Exclusivity.OFF
        return replace(self, locking=Locking(mode, _TICK_PATIENCE, self.locking.folder))

    @property
    def plan_command(self) -> str:
        """The command that promotes what is in the project's files."""
        return f"sqlmesh {self.arguments} plan {shlex.quote(self.environment)}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The models of one run, by fqn, and the options of `sqlmesh run`.

    Times are text, as SQLMesh reads it; `run_id` is Dagster's, for whoever waits for this run.
    """

    fqns: frozenset[str]
    ignore_cron: bool = False
    start: str | None = None
    end: str | None = None
    execution_time: str | None = None
    include_upstream: bool = False
    run_id: str = ""
