"""Reports to Dagster what SQLMesh evaluated and Dagster has not heard of.

That is what a plan, a `sqlmesh run` outside of Dagster, or a run that was killed has evaluated.

SQLMesh's state has the version of each promoted model, its intervals, and when the last of them was
written. Dagster's latest materialization has the version and `sqlmesh/evaluated_at`: the state's
own time, copied by a report. Results of runs do not have it. They are stored right after SQLMesh
wrote the interval, by the same process, so the time of the event stands for it. A model is reported
if its version is another one, or if its time in the state is later. So nothing is reported twice,
and nothing is remembered but materializations: SQLMesh's state stays as it is.

A due model is left out, because a run that failed leaves it with a part of its intervals: the run
that evaluates the rest reports it. `sync`, which is called by hand, only leaves out due models that
failed or wait for signals.

Only if the clock of a host is behind, a restatement from there, right after a run, is not seen.

Two environments can report to one instance, with the same asset keys. Materializations name the
environment if it is not prod, and each environment is compared with its own. What a development
environment shares with prod is reported by prod.

Looks of one code location come one after another: a tick reports nothing while a run is active,
and requests a run after it has reported. If a run or a sync is launched by hand in the same moment
as a tick, both can report a model. The two materializations have the same data version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from graphlib import TopologicalSorter

import dagster as dg

from . import held_back
from .dagster import compat, event_log
from .due import DueModels, Evaluated
from .errors import SetupError, StateBusyError
from .records import ModelAsset
from .results import checks
from .results.model_results import (
    ENVIRONMENT,
    EVALUATED_AT,
    SNAPSHOT_VERSION,
    TABLE_NAME,
    data_version,
    facts_of_state,
    iso_intervals,
)
from .run_target import Target
from .text import counted, display_name, shortened

# Dagster waits for a tick for a minute, and its storage takes up to a tenth of a second per event.
_MOST_PER_TICK = 200
# How far to look for a materialization of this environment among those of others. If it is further
# back, the evaluation is reported again, with the same data version.
_MOST_OF_OTHERS = 100


def unreported(
    instance: dg.DagsterInstance, evaluated: Mapping[dg.AssetKey, Evaluated]
) -> dict[dg.AssetKey, Evaluated]:
    """Return what Dagster has not heard of, in the given order."""
    known = data_versions(instance, evaluated)
    return {key: each for key, each in evaluated.items() if key not in known}


def data_versions(
    instance: dg.DagsterInstance, evaluated: Mapping[dg.AssetKey, Evaluated]
) -> dict[dg.AssetKey, str | None]:
    """Return what Dagster has heard of, with the data versions of these materializations."""
    found = {}
    for key, latest in compat.latest_materializations(instance, evaluated).items():
        record = _of_environment(instance, key, latest, evaluated[key].environment)
        if record and _is_known(evaluated[key], record):
            found[key] = compat.data_version_of(record)
    return found


def result(key: dg.AssetKey, evaluated: Evaluated) -> dg.MaterializeResult[None]:
    """Return the materialization that reports an evaluation. Its audits are unknown."""
    facts: dict[str, checks.Fact] = {
        **facts_of_state(evaluated),
        "sqlmesh/intervals": iso_intervals(evaluated.intervals),
        "sqlmesh/evaluated_by": evaluated.by,
    }
    if evaluated.view:
        facts[TABLE_NAME] = evaluated.view
    version = data_version(evaluated)
    return dg.MaterializeResult(asset_key=key, metadata=facts, data_version=version)


def message(keys: Sequence[dg.AssetKey]) -> str:
    """Return what a log says about reported models."""
    names = shortened([".".join(key.path) for key in keys])
    return f"Reported evaluations that Dagster did not know: {counted(keys)} ({names})"


def report_in_tick(
    instance: dg.DagsterInstance, models: Sequence[ModelAsset], due: DueModels
) -> list[dg.AssetKey]:
    """Report what is not due, and return it. A later tick reports what is too much for this one."""
    left_out = {**due.models, **due.left_to_prod.waiting}
    found = unreported(instance, _evaluated(models, due, left_out))
    reported = [*found][:_MOST_PER_TICK]
    for key in reported:
        event = event_log.materialization(result(key, found[key]))
        instance.report_runless_asset_event(event)
    return reported


def sync(context: dg.OpExecutionContext, target: Target, models: Sequence[ModelAsset]) -> None:
    """Report everything, but for due models that failed or wait for signals.

    Raises:
        dagster.Failure: the state cannot be read now, or a plan has not ended.
    """
    # Imports SQLMesh: at execution time only.
    from .sqlmesh import due_models  # noqa: PLC0415

    try:
        due = due_models.read_due_models(target, datetime.now(UTC))
    except SetupError as error:
        refused = dg.Failure(str(error), allow_retries=False)
    except StateBusyError as error:
        refused = dg.Failure(f"Another process is using SQLMesh's state: {error}")
    else:
        if not due.unfinished_plan:
            _report_all(context, target, models, due)
            return
        refused = dg.Failure(target.being_updated(due.unfinished_plan))
    # Outside of `except`: the cause would repeat the message below a traceback.
    raise refused


def _report_all(
    context: dg.OpExecutionContext, target: Target, models: Sequence[ModelAsset], due: DueModels
) -> None:
    held = held_back.held_back(context.instance, target.environment, due, models)
    found = unreported(context.instance, _evaluated(models, due, held))
    for key, each in found.items():
        context.log_event(event_log.materialization(result(key, each)))
    context.log.info(message([*found]) if found else "Dagster knows every evaluation")
    if held:
        left_out = shortened([display_name(fqn) for fqn in sorted(held)])
        context.log.info(f"Not reported, because they failed or wait for signals: {left_out}")


def _evaluated(
    models: Sequence[ModelAsset], due: DueModels, left_out: Mapping[str, object]
) -> dict[dg.AssetKey, Evaluated]:
    """Return the evaluated models of the package, upstream first."""
    keys = {model.fqn: model.spec.key for model in models if model.fqn not in left_out}
    order = TopologicalSorter(due.parents).static_order()
    own = due.evaluated.keys() & keys.keys() - due.left_to_prod.shared
    return {keys[fqn]: due.evaluated[fqn] for fqn in order if fqn in own}


def _of_environment(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    latest: dg.EventLogRecord,
    environment: str | None,
) -> dg.EventLogRecord | None:
    """Return the latest materialization of an environment: another one can have reported since.

    Only then are earlier ones read.
    """
    if compat.value_of(latest, ENVIRONMENT) == environment:
        return latest
    earlier = instance.fetch_materializations(key, limit=_MOST_OF_OTHERS).records
    return next(
        (each for each in earlier if compat.value_of(each, ENVIRONMENT) == environment), None
    )


def _is_known(evaluated: Evaluated, latest: dg.EventLogRecord) -> bool:
    if compat.value_of(latest, SNAPSHOT_VERSION) not in {None, evaluated.version}:
        return False
    at = compat.value_of(latest, EVALUATED_AT)
    seconds = at if isinstance(at, float) else latest.timestamp
    return evaluated.at_ms is None or evaluated.at_ms <= round(seconds * 1000)
