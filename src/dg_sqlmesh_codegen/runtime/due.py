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
    `environment` is the development environment whose state it is; None for prod.
    """

    version: str
    intervals: tuple[tuple[int, int], ...]
    at_ms: int | None
    by: str = "plan"
    view: str = ""
    data_version: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class LeftToProd:
    """What a run of a development environment does not evaluate, by fqn; empty for prod.

    `shared` are the models whose table is prod's. `waiting` are due models that read shared ones
    which prod has not evaluated, with these.
    """

    shared: frozenset[str] = frozenset()
    waiting: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def fqns(self) -> frozenset[str]:
        """All of them."""
        return self.shared | self.waiting.keys()


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
    `left_to_prod` are not among the due models.
    """

    models: Mapping[str, Due]
    next_due: datetime | None = None
    parents: Mapping[str, Collection[str]] = field(default_factory=dict)
    unfinished_plan: str | None = None
    evaluated: Mapping[str, Evaluated] = field(default_factory=dict)
    during_run: bool = False
    left_to_prod: LeftToProd = field(default_factory=LeftToProd)
