"""What differs between versions of Dagster, and what is used of it that is not `@public`.

Each with its reason; where no versions are given, 1.11.4, 1.12.0 and 1.13.29 are alike. What runs
at once, and where, is in `compat_limits`: nothing there differs between versions.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
from dagster._utils import interrupts

# Of an op that runs models, or restates them.
StepContext = dg.AssetExecutionContext | dg.OpExecutionContext


class StoppedError(dg.DagsterError, dg.DagsterExecutionInterruptedError):
    """The run is being stopped. No retry policy retries this error.

    Dagster retries an op that ends with an interruption if the op has a retry policy, so
    "Terminate" would start SQLMesh again. It does not retry a `DagsterError`.
    """


_RESULT_EVENTS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
# Tag of a materialization that holds its data version (Dagster docs, "Asset versioning").
DATA_VERSION_TAG = "dagster/data_version"
# So many runs of a check alone in a row are looked through.
_MOST_CHECKS = 10
_OMITTED_OUTPUTS = "did not yield or return expected outputs"


def extended(spec: dg.AssetSpec, group_name: str | None, kinds: Set[str]) -> dg.AssetSpec:
    """Return an asset in a nested group and with more than three kinds, where Dagster has these.

    Nested groups are new in 1.13.16 (1.13.8 refuses them): before that, `a/b` is `a_b`. More kinds
    are new in 1.12.8 (1.12.5 refuses them): before that, an asset has the first three.
    """
    if group_name:
        try:
            spec = spec.replace_attributes(group_name=group_name)
        except dg.DagsterInvalidDefinitionError:
            spec = spec.replace_attributes(group_name=group_name.replace("/", "_"))
    if kinds:
        try:
            spec = spec.replace_attributes(kinds={*kinds})
        except dg.DagsterInvalidDefinitionError:
            spec = spec.replace_attributes(kinds={*sorted(kinds)[:3]})
    return spec


def module_of(context: dg.ComponentLoadContext, path: Path) -> ModuleType:
    """Import a file beside a component's `defs.yaml` under its name in the `dg` project.

    Dagster's own components use the method. Only its docstring documents it.
    """
    return context.load_defs_relative_python_module(path)


def appends(request: dg.ScaffoldRequest[Any]) -> bool:
    """Return whether `dg scaffold` adds to a `defs.yaml` (`--append`, new in 1.12.0)."""
    return getattr(request, "append", False)


def with_root(context: dg.ResolutionContext) -> dg.ResolutionContext:
    """Add `context.project_root` for templates: 1.12.0 only has `project_root`, deprecated now."""
    if "context" in context.scope or "project_root" not in context.scope:
        return context
    return context.with_scope(context={"project_root": context.scope["project_root"]})


def with_resources(defs: dg.Definitions, resources: Mapping[str, Any]) -> dg.Definitions:
    """Return definitions with other resources. `Definitions.merge` refuses two of one name.

    The constructor's parameters differ: `component_tree` is new in 1.11. And 1.11.4 copies the jobs
    of a component, and refuses those of ops (`sqlmesh_sync_job`) that do not hold their resources.
    """
    kept = {name: getattr(defs, name) for name in inspect.signature(dg.Definitions).parameters}
    held = {name: each.get_resource_definition() for name, each in resources.items()}
    jobs = [
        each.with_top_level_resources(held) if isinstance(each, dg.JobDefinition) else each
        for each in defs.jobs or ()
    ]
    return dg.Definitions(**{**kept, "jobs": jobs, "resources": resources})


def planned_asset_keys(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[dg.AssetKey]:
    """Return the assets that a run's execution plan materializes.

    A run of a whole job has no asset selection, and the name of a job does not tell its assets. The
    stored execution plan does, and only a private method reads it.
    """
    if run.execution_plan_snapshot_id is None:
        return frozenset()
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return frozenset(
        output.properties.asset_key
        for step in plan.steps
        for output in step.outputs
        if output.properties and output.properties.asset_key
    )


def value_of(record: dg.EventLogRecord, key: str) -> object:
    """Return a value of a stored materialization's metadata, or None."""
    event = record.asset_materialization
    return event.metadata[key].value if event and key in event.metadata else None


def data_version_of(record: dg.EventLogRecord) -> str | None:
    """Return the data version of a stored materialization, which is in a tag."""
    event = record.asset_materialization
    return (event.tags or {}).get(DATA_VERSION_TAG) if event else None


def latest_materializations(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetKey]
) -> dict[dg.AssetKey, dg.EventLogRecord]:
    """Return the latest materializations of those assets that have one, with one query.

    Their storage ids are in the order in which events are stored. The documented methods return the
    events of one asset. No documented field has the record.
    """
    entries = [each.asset_entry for each in instance.get_asset_records([*keys])] if keys else []
    latest = {each.asset_key: each.last_materialization_record for each in entries}
    return {key: record for key, record in latest.items() if record}


@dataclass(frozen=True, slots=True)
class LatestCheck:
    """One of the latest results of an asset check, and the run that reported it.

    Without a `description` the run has not reported it yet.
    """

    run_id: str
    description: str | None


def latest_checks(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Iterator[LatestCheck]:
    """Yield the latest results of a check, the last one first.

    The UI shows them. The documented methods only return the events of a whole run.
    """
    for record in instance.event_log_storage.get_asset_check_execution_history(key, _MOST_CHECKS):
        event = record.event.dagster_event if record.event else None
        evaluated = event and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        text = event.asset_check_evaluation_data.description if event and evaluated else None
        yield LatestCheck(record.run_id, text)


def stored_results(
    instance: dg.DagsterInstance, run_id: str, since_seconds: float
) -> set[dg.AssetKey | dg.AssetCheckKey]:
    """Return the assets and checks of which a run has stored results since a time (epoch).

    The documented methods return the events of one asset, and the contents of an event are not
    documented.
    """
    stored: set[dg.AssetKey | dg.AssetCheckKey] = set()
    for entry in instance.all_logs(run_id, of_type=_RESULT_EVENTS):
        event = entry.dagster_event
        if event is None or entry.timestamp < since_seconds:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            stored.add(event.step_materialization_data.materialization.asset_key)
        else:
            stored.add(event.asset_check_evaluation_data.asset_check_key)
    return stored


def failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[Mapping[str, dg.MetadataValue]]:
    """Yield the metadata of each `dg.Failure` of a run's steps. No documented method reads it."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data and data.user_failure_data:
            yield data.user_failure_data.metadata


def tag_run(context: StepContext, key: str, value: str) -> None:
    """Add a tag to the run of a step. The documented tags are those that a run is launched with."""
    context.instance.add_run_tags(context.run.run_id, {key: value})


def hide_omitted_outputs(context: StepContext) -> None:
    """Hide Dagster's log line about checks without a result in this step.

    A model that is not due has no results, and the outputs of a step are skippable. Dagster
    still logs "did not yield or return expected outputs" with the names of all these checks.
    """
    context.log.addFilter(lambda record: _OMITTED_OUTPUTS not in record.getMessage())


def downstream(context: StepContext, keys: Set[dg.AssetKey]) -> list[str]:
    """Return the other assets of the run, as texts, that are downstream of these, sorted.

    Dagster skips them if these are not materialized. No public property has the assets of a run.
    """
    layer = context.get_step_execution_context().job_def.asset_layer
    found: set[dg.AssetKey] = set()
    waiting = [*keys]
    while waiting:
        children = layer.asset_graph.get(waiting.pop()).child_keys & layer.selected_asset_keys
        new = children - found - context.selected_asset_keys
        found |= new
        waiting += new
    return sorted(key.to_user_string() for key in found)


def deferred_interrupts() -> AbstractContextManager[None]:
    """Return a context, Dagster's own, in which a second signal does not interrupt the cleanup."""
    return interrupts.capture_interrupts()


def has_freshness() -> bool:
    """Return whether Dagster shows what is late: since 1.12. Before, the name is an ImportError."""
    try:
        from dagster import FreshnessPolicy  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def with_freshness(spec: dg.AssetSpec, window: timedelta) -> dg.AssetSpec:
    """Return an asset that fails its freshness if its data is older, where Dagster has such."""
    if not has_freshness():
        return spec
    return spec.replace_attributes(freshness_policy=dg.FreshnessPolicy.time_window(window))
