"""What a restatement uses of SQLMesh that its documentation does not cover.

SQLMesh plans a restatement from its state (`ContextDiff.create_no_diff`), and no file of the
project is read. Tried with 0.225.0 and 0.236.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot.errors import ParseError
from sqlmesh.core.snapshot import Snapshot, merge_intervals, start_date
from sqlmesh.utils import UniqueKeyDict
from sqlmesh.utils.date import to_timestamp
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.runtime.errors import SetupError

from .compat import _MINOR, _VERSION, NoopConsole, Ranges
from .open_run import OpenRun
from .promoted import PromotedEnvironment

# `merge_intervals` is for the other modules of this folder.
__all__ = ["merge_intervals"]

Interval = tuple[int, int]


def require() -> None:
    """Refuse a SQLMesh that is too old.

    Raises:
        SetupError: the parts that this module uses are not there.
    """
    if _MINOR < (0, 225):
        raise SetupError(
            f"SQLMesh {_VERSION} cannot restate from its state alone; 0.225 and later can",
            'Run `pip install "sqlmesh>=0.225"`, then `sqlmesh migrate`.',
        )


def select(run: OpenRun, text: str) -> set[str]:
    """Return the models of an environment that a selector of SQLMesh selects, by fqn.

    Raises:
        SetupError: SQLMesh cannot parse it.
    """
    if "git:" in text:
        raise SetupError(
            f"{text!r} of `models` reads the project's files, and a restatement reads none",
            "Name the models.",
        )
    nodes = {name: each.node for name, each in run.promoted.snapshots.items()}
    models = {name: each.model for name, each in run.promoted.snapshots.items() if each.is_model}
    selector = run.context._new_selector(models=UniqueKeyDict("models", **models))
    try:
        return selector.expand_model_selections([text], models=nodes) & nodes.keys()
    except (SQLMeshError, ParseError) as error:
        raise SetupError(
            f"SQLMesh cannot read {text!r} of `models`",
            "Use a model's name, an asset key (a/b/c), or a selector such as `tag:x`.",
            " ".join(str(error).split()),
        ) from error


def restated(
    run: OpenRun, fqns: Iterable[str], times: Interval
) -> tuple[dict[str, Ranges], dict[str, Interval]]:
    """Return the intervals that a plan of SQLMesh would evaluate, and those it restates, by fqn.

    Nothing is written. The plan is one without differences, so no file of the project matters.

    Args:
        run: the run that restates.
        fqns: the models. SQLMesh adds those downstream.
        times: the start and the end, in milliseconds.
    """
    # Late: a run that restates nothing does not need them.
    from sqlmesh.core.context_diff import ContextDiff  # noqa: PLC0415
    from sqlmesh.core.plan import PlanBuilder  # noqa: PLC0415

    state = run.context.state_reader
    diff = ContextDiff.create_no_diff(run.target.environment, state)
    state.refresh_snapshot_intervals(list(diff.snapshots.values()))
    plan = PlanBuilder(
        context_diff=diff,
        start=times[0],
        end=times[1],
        restate_models=set(fqns),
        is_dev=not run.promoted.is_prod,
        end_bounded=True,
        console=NoopConsole(),
    ).build()
    removed = {each.name: interval for each, interval in plan.restatements.items()}
    missing = {
        each.snapshot_id.name: merge_intervals(each.intervals)
        for each in plan.missing_intervals
        if each.snapshot_id.name in removed
    }
    return missing, removed


def start_ms(snapshot: Snapshot, promoted: PromotedEnvironment) -> int:
    """Return when the data of a model starts: its own start, or that of what it reads."""
    return to_timestamp(start_date(snapshot, promoted.snapshots.values()))


def other_versions(
    run: OpenRun, restated: Mapping[str, Interval]
) -> tuple[dict[object, Ranges], set[str]]:
    """Return the intervals of other versions that a restatement of prod makes stale.

    And the environments that have these versions. SQLMesh clears the intervals, so that a version
    with old data is not promoted. Other environments make nothing stale.
    """
    # New in 0.218, as a function.
    from sqlmesh.core.plan.common import (  # noqa: PLC0415
        identify_restatement_intervals_across_snapshot_versions,
    )

    if not run.promoted.is_prod or not run.context.config.virtual_environment_mode.is_full:
        return {}, set()
    snapshots = run.promoted.snapshots
    disabled = {name for name, each in snapshots.items() if each.disable_restatement}
    found = identify_restatement_intervals_across_snapshot_versions(
        state_reader=run.context.state_reader,
        prod_restatements=dict(restated),
        disable_restatement_models=disabled,
        loaded_snapshots={each.snapshot_id: each for each in snapshots.values()},
    )
    environments = {name for each in found.values() for name in each.environment_names}
    return {each.snapshot: [each.interval] for each in found.values()}, environments


def evaluate(run: OpenRun, missing: Mapping[Snapshot, Ranges]) -> bool:
    """Evaluate exactly these intervals with SQLMesh's scheduler; return whether all succeeded.

    Raises:
        CircuitBreakerError: a plan had changed the environment before a batch.
    """
    errors, _ = _scheduler(run).run_merged_intervals(
        merged_intervals=dict(missing),
        deployability_index=run.promoted.deployability,
        environment_naming_info=run.promoted.environment.naming_info,
        circuit_breaker=run.has_changed,
        start=min(start for ranges in missing.values() for start, _ in ranges),
        end=max(end for ranges in missing.values() for _, end in ranges),
        run_environment_statements=True,
        is_restatement=True,
    )
    return not errors


def batches(run: OpenRun, missing: Mapping[Snapshot, Ranges]) -> dict[str, Ranges]:
    """Return the batches by fqn. It asks the signals of the models, as a run does."""
    found = _scheduler(run).batch_intervals(
        dict(missing),
        run.promoted.deployability,
        run.promoted.environment.naming_info,
        is_restatement=True,
    )
    return {each.name: list(intervals) for each, intervals in found.items()}


def _scheduler(run: OpenRun) -> Any:  # noqa: ANN401 - SQLMesh's scheduler
    snapshots = run.promoted.snapshots.values()
    return run.context.create_scheduler(snapshots, run.context.snapshot_evaluator)
