"""The models that a run would evaluate now, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the state says of the evaluations of a model.

    `version` is that of its snapshot, and `intervals` are those that are done. `at_ms` is when the
    latest one was written; SQLMesh does not know it of old ones. `by` is what wrote it: `plan`,
    `run`, or `plan or run` if the state does not tell. `view` is what readers of a development
    environment query. `data_version` is that of the materialization that reported it, if one did.
    """

    version: str
    intervals: tuple[tuple[int, int], ...]
    at_ms: int | None
    by: str = "plan"
    view: str = ""
    data_version: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A due model. Times are seconds since the epoch.

    `since` is the last tick of its cron, or the end of the last plan if that was later. `altered`
    is when SQLMesh last wrote its intervals.
    """

    since: float
    altered: float = 0.0
    has_signals: bool = False


@dataclass(frozen=True, slots=True)
class DueModels:
    """The due models, by fqn, and when the next other model is due (None: never).

    `parents` are the parents of every promoted model, due or not. `unfinished_plan` is the id of a
    plan whose promotion has not ended: a run would wait for it. `evaluated` holds all models that
    something has evaluated, due or not. `during_run` is whether a run is changing the state.
    """

    models: Mapping[str, Due]
    next_due: datetime | None = None
    parents: Mapping[str, Collection[str]] = field(default_factory=dict)
    unfinished_plan: str | None = None
    evaluated: Mapping[str, Evaluated] = field(default_factory=dict)
    during_run: bool = False
