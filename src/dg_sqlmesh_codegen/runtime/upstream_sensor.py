"""Turns data that landed upstream into a run of the models downstream of it.

A sensor, and not automation conditions on the assets (`any_deps_updated`). Tried with Dagster
1.13.29, these ask for a model again after every run of the schedule that evaluated it with its
upstream models, after a report of a plan, and while a run of other models of the package is active.

A landing is a materialization of an asset that models read and that is no model of the package. An
observation is none: it says what a table is like, not that it has changed. The sensor reads
Dagster's event log only; SQLMesh and its state stay untouched until there is a run.

A landing counts as handled when its run is requested. If that run fails, the schedule requests the
models that are due.

Data reaches a model through models that have `run_on_upstream`. Below a model without it nothing
has changed until its own cron.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from graphlib import TopologicalSorter

import dagster as dg

from .concurrency import exclusivity
from .dagster import compat, run_log
from .records import ModelAsset
from .results.model_results import EVALUATED, EVALUATED_AT
from .run_target import PROD
from .text import shortened

# How many reports in a row of a model that was not due are looked through for one that was.
_MOST_NOT_DUE = 25


def tick(
    context: dg.SensorEvaluationContext, models: Sequence[ModelAsset], tags: Mapping[str, str]
) -> dg.RunRequest | dg.SkipReason:
    """Request the models downstream of what landed since the cursor, or say why there is no run.

    The cursor has the latest landing of each asset that models read. While a run of the package is
    active it stays at earlier landings, so nothing is lost. What such a run has seen is not
    requested again.

    Args:
        context: context of the sensor, whose cursor is moved.
        models: every model of the package.
        tags: further tags of the run.
    """
    graph = Graph.of(models)
    found = compat.latest_materializations(context.instance, graph.landings)
    seen = _read(context.cursor)
    landed = {
        key: each
        for key, each in found.items()
        # What an asset had before it was first seen is history.
        if _has_landed(context.instance, key, each, seen.get(key.to_user_string(), each.storage_id))
    }
    keys = [model.spec.key for model in models]
    active = exclusivity.active_runs(context.instance, keys, PROD) if landed else []
    context.update_cursor(_written(graph, found, seen, landed if active else ()))
    if active:
        return dg.SkipReason(exclusivity.skip_reason(active[0], datetime.now(UTC)))
    names = shortened([key.to_user_string() for key in sorted(landed)])
    if not landed:
        return dg.SkipReason("Nothing has landed upstream")
    stale = _Stale(context.instance, graph, landed).keys()
    if not stale:
        return dg.SkipReason(f"Every model downstream has run since {names} landed")
    return dg.RunRequest(
        run_key=str(max(each.storage_id for each in landed.values())),
        asset_selection=stale,
        tags={**tags, run_log.ENVIRONMENT_TAG: PROD, run_log.LANDED_TAG: names},
    )


@dataclass(frozen=True, slots=True)
class Graph:
    """What each model with `run_on_upstream` reads, upstream models first, and what can land."""

    reads: Mapping[dg.AssetKey, frozenset[dg.AssetKey]]
    landings: frozenset[dg.AssetKey]

    @classmethod
    def of(cls, models: Iterable[ModelAsset]) -> Graph:
        """Return the graph of a package."""
        every = {model.spec.key: model for model in models}
        reads = {
            key: frozenset(dep.asset_key for dep in model.spec.deps) - {key}
            for key, model in every.items()
            if model.run_on_upstream
        }
        ordered = TopologicalSorter({key: deps & reads.keys() for key, deps in reads.items()})
        upstream_first = {key: reads[key] for key in ordered.static_order()}
        return cls(upstream_first, frozenset().union(*reads.values()) - every.keys())


@dataclass(slots=True)
class _Stale:
    """Finds the models that have not seen what landed."""

    instance: dg.DagsterInstance
    graph: Graph
    landed: Mapping[dg.AssetKey, dg.EventLogRecord]
    _started: dict[str, float] = field(default_factory=dict)

    def keys(self) -> list[dg.AssetKey]:
        """Return the models downstream of what landed, without those that have seen it."""
        affected: set[dg.AssetKey] = {*self.landed}
        for key, reads in self.graph.reads.items():
            if reads & affected:
                affected.add(key)
        latest = compat.latest_materializations(self.instance, affected - self.landed.keys())
        stale: list[dg.AssetKey] = []
        for key, reads in self.graph.reads.items():
            changed = reads & affected
            if changed and not (
                changed.isdisjoint(stale)
                and key in latest
                and self._has_seen(latest[key], changed, {**latest, **self.landed})
            ):
                stale.append(key)
        return stale

    def _has_seen(
        self,
        own: dg.EventLogRecord,
        changed: Collection[dg.AssetKey],
        latest: Mapping[dg.AssetKey, dg.EventLogRecord],
    ) -> bool:
        """Return whether a model was evaluated after all of what it reads.

        A model reads a table after its run has started. In a run of both, the table comes first.
        What is reported of a plan, or of a model that is not due, was not evaluated by a run.
        """
        if compat.value_of(own, EVALUATED_AT) is not None:
            return False
        for key in changed:
            other = latest[key]
            if own.storage_id < other.storage_id:
                return False
            in_one_run = other.run_id and own.run_id == other.run_id
            if key not in self.landed or in_one_run:
                continue
            if self._run_start(own.run_id) < other.timestamp:
                return False
        return True

    def _run_start(self, run_id: str) -> float:
        if run_id not in self._started:
            record = self.instance.get_run_record_by_id(run_id)
            self._started[run_id] = (record.start_time if record else None) or 0.0
        return self._started[run_id]


def _has_landed(
    instance: dg.DagsterInstance, key: dg.AssetKey, latest: dg.EventLogRecord, since: int
) -> bool:
    """Return whether an asset has new data after a storage id.

    With `not_due = "materialize"` another package materializes models that it has not evaluated.
    """
    if latest.storage_id <= since or _is_evaluated(latest):
        return latest.storage_id > since
    records = instance.fetch_materializations(key, limit=_MOST_NOT_DUE).records
    return any(record.storage_id > since and _is_evaluated(record) for record in records)


def _is_evaluated(record: dg.EventLogRecord) -> bool:
    return compat.value_of(record, EVALUATED) is not False


def _read(cursor: str | None) -> dict[str, int]:
    """Return the cursor's ids by asset; none if there is no cursor, or somebody wrote another."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {key: each for key, each in pairs if isinstance(each, int)}


def _written(
    graph: Graph,
    found: Mapping[dg.AssetKey, dg.EventLogRecord],
    seen: Mapping[str, int],
    waiting: Collection[dg.AssetKey],
) -> str:
    """Return the cursor: what was found, but for what waits. Assets without landings have a 0."""
    ids = {
        key.to_user_string(): found[key].storage_id if key in found else 0
        for key in graph.landings - set(waiting)
    }
    kept = {key.to_user_string(): seen[key.to_user_string()] for key in waiting}
    return json.dumps({**ids, **kept}, sort_keys=True, separators=(",", ":"))
