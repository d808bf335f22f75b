"""What happens in one SQLMesh run, as typed, frozen events without SQLMesh's or Dagster's types.

Models are named by their fqn; times are milliseconds since the epoch, as in SQLMesh's intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class AuditUse:
    """One use of an audit: its name and its arguments as SQL text, sorted by name."""

    name: str
    args: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PromotedModel:
    """A model as it is promoted in the environment; `next_due` is the next tick of its cron.

    `is_asset` is whether a generated package has an asset for it: not for standalone audits, and
    not for what is symbolic (external and embedded models). `altered` is when intervals of it were
    last written down, in epoch milliseconds; `version` is that of its snapshot.
    """

    fqn: str
    data_hash: str
    parents: tuple[str, ...]
    next_due: int | None
    is_asset: bool = True
    altered: int | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentRead:
    """The environment was read from the state, before anything ran.

    `plan_command` is what promotes a model that is not in it.
    """

    models: tuple[PromotedModel, ...]
    plan_command: str = "sqlmesh plan"


@dataclass(frozen=True, slots=True)
class DueModel:
    """A model that SQLMesh is about to evaluate.

    `batches` is 0 where the model's signals hold back every interval; `audits` are the ones that
    run after each batch; `data_hash` is what the package calls the code version.
    """

    fqn: str
    batches: int
    version: str
    audits: tuple[AuditUse, ...] = ()
    data_hash: str = ""


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """SQLMesh has decided what is due. Comes again when it starts over."""

    models: tuple[DueModel, ...]


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """A batch of a model ended; `duration_ms` is None where it failed.

    `audits` counts the audits that ran on it, `rows` and `bytes` are what the engine reports,
    `thread` tells which failed audits were on this batch.
    """

    fqn: str
    start: int
    end: int
    duration_ms: int | None
    audits: int = 0
    rows: int | None = None
    bytes: int | None = None
    thread: int = 0


@dataclass(frozen=True, slots=True)
class AuditFailed:
    """An audit found rows; `query` is what SQLMesh ran, in the engine's dialect.

    It was on the batch of the model that ends next in the same `thread`.
    """

    fqn: str
    use: AuditUse
    count: int
    query: str
    thread: int = 0


@dataclass(frozen=True, slots=True)
class ModelsSkipped:
    """Models that SQLMesh did not try because one upstream of them failed."""

    fqns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A model failed; `blocking_audits` are the ones that stopped it, if audits did."""

    fqn: str
    message: str
    traceback: str
    blocking_audits: tuple[AuditUse, ...] = ()

    @property
    def retryable(self) -> bool:
        """Whether trying again could help: the data an audit refused will not have changed."""
        return not self.blocking_audits


class Level(Enum):
    """How loud a message is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Message:
    """Something SQLMesh said, or that we have to say about it."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """SQLMesh returned; `nothing_to_do` where no model was due."""

    nothing_to_do: bool


Event = (
    EnvironmentRead
    | RunPlanned
    | BatchEnded
    | AuditFailed
    | ModelsSkipped
    | ModelFailed
    | Message
    | RunEnded
)
