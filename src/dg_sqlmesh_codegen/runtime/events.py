"""The events of one SQLMesh run, without types of SQLMesh or Dagster.

Models are identified by their fqn. Fields that end in `_ms` are milliseconds; times count from the
epoch, as in SQLMesh's intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .due import DueModels, Evaluated, LeftToProd


@dataclass(frozen=True, slots=True)
class AuditUse:
    """One use of an audit: its name, and its arguments as SQL text, sorted by name."""

    name: str
    args: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PromotedModel:
    """A model as it is promoted in the environment.

    `data_hash` is the code version of a package. `next_due_ms` is the next tick of its cron; None
    if no run evaluates it. `is_asset` is whether a package has an asset for it: not for standalone
    audits and symbolic models (external and embedded). `view` is what readers of the environment
    query, with the suffix of a development environment, and `uri` its address, if that is known.
    """

    fqn: str
    data_hash: str
    parents: tuple[str, ...]
    next_due_ms: int | None
    is_asset: bool = True
    view: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentRead:
    """The environment was read: before the run, and after it if a plan was applied meanwhile.

    `plan_command` promotes more models. `evaluated` holds models, by fqn, that were evaluated
    before; those that are due and not selected are left out. `left_to_prod` is not evaluated.
    """

    models: tuple[PromotedModel, ...]
    plan_command: str = "sqlmesh plan"
    evaluated: Mapping[str, Evaluated] = field(default_factory=dict)
    left_to_prod: LeftToProd = field(default_factory=LeftToProd)


@dataclass(frozen=True, slots=True)
class DueModel:
    """A model that SQLMesh is about to evaluate.

    `batches` is 0 if the model's signals hold back every interval. `audits` run after each batch.
    `data_hash` is the code version of the package. With `is_full` an evaluation writes all rows.
    """

    fqn: str
    batches: int
    version: str
    audits: tuple[AuditUse, ...] = ()
    data_hash: str = ""
    has_signals: bool = False
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """SQLMesh has decided which models are due. Emitted again if SQLMesh restarts the run."""

    models: tuple[DueModel, ...]


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """A batch of a model ended.

    `duration_ms` is None if the batch failed. `rows` and `bytes` come from the engine. `thread`
    assigns failed audits to the batch.
    """

    fqn: str
    start_ms: int
    end_ms: int
    duration_ms: int | None
    rows: int | None = None
    bytes: int | None = None
    thread: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether SQLMesh evaluated it and no blocking audit failed."""
        return self.duration_ms is not None


@dataclass(frozen=True, slots=True)
class AuditFailed:
    """An audit found `count` rows with `query`, which is in the engine's dialect.

    The audit belongs to the batch of the model that ends next in the same `thread`.
    """

    fqn: str
    use: AuditUse
    count: int
    query: str
    thread: int = 0


@dataclass(frozen=True, slots=True)
class AuditEnded:
    """An audit ran without an evaluation of its model, on the data between two times.

    `uses` are all audits of the promoted model. `count` is the number of rows that `query` found;
    None if the audit could not run, with the reason in `message`. An audit that reads no interval
    of a model has no times.
    """

    fqn: str
    use: AuditUse
    uses: tuple[AuditUse, ...]
    count: int | None = None
    query: str = ""
    message: str = ""
    blocking: bool = False
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DueRead:
    """Which models are due was read, without an evaluation."""

    due: DueModels


@dataclass(frozen=True, slots=True)
class RestatedModel:
    """A model that is evaluated again between these times (milliseconds), in so many batches."""

    fqn: str
    intervals: tuple[tuple[int, int], ...]
    batches: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class RestatementPlanned:
    """What a restatement evaluates, before it has started.

    `left_out` says why other models, by fqn, are not restated. `cleared` is the number of versions
    whose intervals are removed because they are not those of prod, and `environments` has these.
    """

    models: tuple[RestatedModel, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    cleared: int = 0
    environments: tuple[str, ...] = ()
    preview: bool = True


@dataclass(frozen=True, slots=True)
class ModelsSkipped:
    """SQLMesh skipped these models because an upstream model failed."""

    fqns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A model failed. `blocking_audits` are the audits that stopped it, if any."""

    fqn: str
    message: str
    traceback: str
    blocking_audits: tuple[AuditUse, ...] = ()

    @property
    def retryable(self) -> bool:
        """Whether a retry can help. It cannot after a blocking audit: the data is the same."""
        return not self.blocking_audits


@dataclass(frozen=True, slots=True)
class Message:
    """A line for the log of the Dagster run. `level` is a level of `logging`."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """SQLMesh's run returned.

    `nothing_to_do` is true if no model was due, `failed` if SQLMesh says that the run failed.
    """

    nothing_to_do: bool
    failed: bool = False


_ModelEvent = BatchEnded | AuditFailed | ModelsSkipped | ModelFailed
_RunEvent = EnvironmentRead | RunPlanned | RestatementPlanned | RunEnded
Event = _RunEvent | _ModelEvent | AuditEnded | DueRead | Message
Emit = Callable[[Event], None]
