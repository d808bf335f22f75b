"""What a run evaluates and how, as plain values."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from enum import Enum

# SQLMesh's production environment: no previews, and models with an auto restatement are restated.
PROD = "prod"
# How long a tick waits for another tick that reads the same state. Dagster's timeout is a minute.
_TICK_TIMEOUT_SECONDS = 30.0


class Exclusivity(Enum):
    """What to do if nothing prevents two SQLMesh runs at once: fail, warn, or skip all checks."""

    REQUIRE = "require"
    WARN = "warn"
    OFF = "off"


class RetryFailed(Enum):
    """When a tick requests models again that failed or waited for signals."""

    NEXT_CRON = "next_cron"
    EVERY_TICK = "every_tick"


class NotDue(Enum):
    """What a run reports of selected models that are not due: nothing, or that they are current."""

    SKIP = "skip"
    MATERIALIZE = "materialize"


class Upstream(Enum):
    """What a run does if upstream models that are not selected have missing intervals.

    Evaluate them first, as `sqlmesh run` does, fail, warn, or evaluate the selected models alone.
    """

    INCLUDE = "include"
    FAIL = "fail"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Locking:
    """How runs exclude each other.

    `timeout_seconds` is how long a run waits for another one. `folder` is where the user wants the
    lock files. `missing_limit` says why a lock file is not enough; None if it is.
    """

    exclusivity: Exclusivity = Exclusivity.REQUIRE
    timeout_seconds: float = 3600.0
    folder: str | None = None
    missing_limit: str | None = None

    def for_tick(self) -> Locking:
        """Return the locking of a tick: a short wait, and a lock only if possible."""
        is_off = self.exclusivity is Exclusivity.OFF
        mode = Exclusivity.OFF if is_off else Exclusivity.WARN
        return replace(self, exclusivity=mode, timeout_seconds=_TICK_TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True)
class Target:
    """A SQLMesh project and the environment to run.

    `project_dirs` are absolute paths. `concurrent_tasks` None means the connection's setting.
    """

    project_dirs: tuple[str, ...]
    environment: str
    gateway: str | None = None
    config_name: str | None = None
    concurrent_tasks: int | None = None
    locking: Locking = Locking()

    @property
    def cli_arguments(self) -> str:
        """The arguments with which the `sqlmesh` command finds this project and gateway."""
        arguments = [argument for folder in self.project_dirs for argument in ("-p", folder)]
        arguments += ["--gateway", self.gateway] if self.gateway else []
        arguments += ["--config", self.config_name] if self.config_name else []
        return shlex.join(arguments)

    @property
    def plan_command(self) -> str:
        """The command that promotes the project's files."""
        return f"sqlmesh {self.cli_arguments} plan {shlex.quote(self.environment)}"

    def being_updated(self, plan: str) -> str:
        """Return what to say while a plan with this id updates the environment."""
        return (
            f"The SQLMesh environment {self.environment!r} is being updated by the plan {plan}. "
            f"If that plan failed, run `{self.plan_command}`."
        )


@dataclass(frozen=True, slots=True)
class Audits:
    """Audits to run without an evaluation: each with the fqn of its model, and its name.

    `status` is whether to read which models are due, too.
    """

    names: frozenset[tuple[str, str]]
    status: bool = False


@dataclass(frozen=True, slots=True)
class Restatement:
    """Intervals to evaluate again: models by fqn or by a selector of SQLMesh, and times as text.

    `package` are the fqns of the package. A `preview` writes nothing.
    """

    models: tuple[str, ...]
    start: str
    end: str
    package: frozenset[str] = frozenset()
    preview: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The models of one run, by fqn, and the options of `sqlmesh run`.

    Times are text that SQLMesh parses. `run_id` is Dagster's; a waiting run shows it. With
    `reads_evaluated` the run also says what was evaluated before. With `audits` no model is
    evaluated, and with `restatement` only what it says. With `again` models without a missing
    interval evaluate their last one again.
    """

    fqns: frozenset[str]
    run_id: str = ""
    ignore_cron: bool = False
    start: str | None = None
    end: str | None = None
    execution_time: str | None = None
    upstream: Upstream = Upstream.INCLUDE
    reads_evaluated: bool = False
    again: bool = False
    audits: Audits | None = None
    restatement: Restatement | None = None
