"""Finds the due models that a tick does not request again.

A model that failed is still due, and would fail again in every tick. So it waits for the next tick
of its own cron, and everything downstream waits with it. Models that wait for signals do the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from graphlib import TopologicalSorter

import dagster as dg

from .dagster import compat, run_log
from .due import Due, DueModels
from .records import ModelAsset
from .results.model_results import DUE, WAITING
from .text import display_name, shortened


def held_back(
    instance: dg.DagsterInstance, environment: str, due: DueModels, models: Sequence[ModelAsset]
) -> dict[str, str]:
    """Find the due models that failed or waited for signals since they became due.

    Every evaluation or plan clears this, and so does the next tick of the model's own cron.

    Args:
        instance: the instance with the runs.
        environment: the SQLMesh environment.
        due: the due models.
        models: every model of the package. That a model waited for its signals is known from its
            check `sqlmesh_execution_status`.

    Returns:
        By fqn, the id of the run. Models downstream of such a model have the same run.
    """
    if not due.models:
        return {}
    found = failed(instance, environment, due)
    found.update(_waiting(instance, environment, due.models, models))
    if found:
        for fqn in TopologicalSorter(due.parents).static_order():
            for parent in due.parents.get(fqn, ()):
                if parent in found:
                    found.setdefault(fqn, found[parent])
    return {fqn: run_id for fqn, run_id in found.items() if fqn in due.models}


def reason(held: Mapping[str, str]) -> str:
    """Return why models are not requested, and how to run them. Names the runs."""
    by_run = defaultdict(list)
    for fqn, run_id in sorted(held.items()):
        by_run[run_id].append(display_name(fqn))
    listed = [f"{shortened(names)} (run {run_id})" for run_id, names in by_run.items()]
    return (
        "These models, or models upstream of them, failed or waited for signals, and are requested "
        f"again at the next tick of their own cron: {'; '.join(listed)}. "
        "Materialize them to run them now."
    )


def failed(instance: dg.DagsterInstance, environment: str, due: DueModels) -> dict[str, str]:
    """Return the latest runs in which due models failed since they became due, by fqn."""
    found: dict[str, str] = {}
    if not due.models:
        return found
    undecided = {display_name(fqn): fqn for fqn in due.models}
    earliest = min(each.since for each in due.models.values())
    filters = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={run_log.ENVIRONMENT_TAG: environment},
        updated_after=datetime.fromtimestamp(earliest, UTC),
    )
    for record in instance.get_run_records(filters=filters):  # the latest first
        started, ended = record.start_time or 0, record.end_time or 0
        candidates = {
            name
            for name, fqn in undecided.items()
            if due.models[fqn].since <= started and due.models[fqn].altered <= ended
        }
        if candidates:  # the log of a run is read only where it can decide something
            run_id = record.dagster_run.run_id
            for name in candidates & run_log.failed_models(instance, run_id):
                found[undecided.pop(name)] = run_id
    return found


def _waiting(
    instance: dg.DagsterInstance,
    environment: str,
    due: Mapping[str, Due],
    models: Sequence[ModelAsset],
) -> Iterator[tuple[str, str]]:
    for model in models:
        each = due.get(model.fqn)
        if each is None or not each.has_signals or not model.has_status_check:
            continue
        # A run of the check alone found that it is due, and did not ask its signals.
        of_runs = (
            found
            for found in compat.latest_checks(instance, model.status_check.key)
            if found.description != DUE
        )
        latest = next(of_runs, None)
        if latest is None or latest.description != WAITING:
            continue
        record = instance.get_run_record_by_id(latest.run_id)
        tags = record.dagster_run.tags if record else {}
        is_own = tags.get(run_log.ENVIRONMENT_TAG, environment) == environment
        if is_own and record and record.start_time and each.since <= record.start_time:
            yield model.fqn, latest.run_id
