"""One SQLMesh run, and what a run would evaluate.

Imports SQLMesh, so it is imported at execution time only. Nothing here plans, applies or touches
an environment's definition; even the janitor, which `sqlmesh run` calls to delete expired
environments, is left to whoever runs `sqlmesh janitor`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmesh import Context
from sqlmesh.core.scheduler import merged_missing_intervals
from sqlmesh.core.snapshot import (
    DeployabilityIndex,
    Snapshot,
    SnapshotId,
    apply_auto_restatements,
)
from sqlmesh.utils.date import now_timestamp, to_datetime, to_timestamp

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.concurrency.file_lock import Holder
from dg_sqlmesh_codegen.runtime.errors import RunStoppedError, SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import (
    EnvironmentRead,
    Level,
    Message,
    PromotedModel,
    RunEnded,
)
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.results import drift
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target

from .console import AuditNotifier, Emit, FailedAudits, RunConsole
from .context import Claim, open_alone, open_context, promoted_snapshots
from .snapshot_cache import RememberedSnapshots

_PROD = "prod"
# For the ticks of this process, which come one at a time (see `schedule`).
_REMEMBERED = RememberedSnapshots()


@dataclass(frozen=True, slots=True)
class Due:
    """Models that are due, by fqn, and when the next of the others will be (None: never)."""

    fqns: frozenset[str]
    next_due: datetime | None


def evaluate(target: Target, evaluation: Evaluation, emit: Emit, stop: Stop) -> None:
    """Run SQLMesh once (`sqlmesh run`), alone on its state, and emit what happens.

    Selected models that are not promoted are left out: there is nothing of them to run.

    Args:
        target: the project and the environment.
        evaluation: which models, and the options of the run.
        emit: takes the events, without secrets; called from several threads.
        stop: when set, no further batch is started; it knows what is running.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        StateBusyError: another run or process has the state, and the time to wait is up.
        RunError: the run as a whole failed; a failed model is an event, not an exception.
    """
    redaction = Redaction()
    try:
        _evaluate(target, evaluation, lambda event: emit(redaction.event(event)), stop, redaction)
    except BaseException as error:  # noqa: BLE001 - a python model may call sys.exit
        told = redaction.error(error)
    else:
        return
    raise told  # outside of the `except`: Dagster would store the error it came from, too


def _evaluate(
    target: Target, evaluation: Evaluation, emit: Emit, stop: Stop, redaction: Redaction
) -> None:
    _refuse_unreadable_times(evaluation)
    notifier = AuditNotifier(report=FailedAudits(emit))
    claim = Claim(Holder.here(evaluation.run_id), _Patience(target, emit, stop), emit)
    with open_alone(target, claim, redaction, notifier) as context:
        snapshots = promoted_snapshots(context, target)
        fqns = _promoted(evaluation.fqns, snapshots, target)
        emit(
            EnvironmentRead(
                tuple(_promoted_model(each, target) for each in snapshots.values()),
                target.plan_command,
            )
        )
        context.console = RunConsole(emit, stop, lambda gateway: _handles(context, gateway))
        status = context.run(
            target.environment,
            start=evaluation.start,
            end=evaluation.end,
            execution_time=evaluation.execution_time,
            ignore_cron=evaluation.ignore_cron,
            select_models=sorted(fqns),
            no_auto_upstream=not evaluation.include_upstream,
            skip_janitor=True,
        )
        emit(RunEnded(nothing_to_do=status.is_nothing_to_do))


def _handles(context: Context, gateway: str | None) -> tuple[object, ...]:
    """Return the calling thread's cursor and connection: SQLMesh keeps a pair for each thread."""
    adapter = context.snapshot_evaluator.get_adapter(gateway)
    return adapter.cursor, adapter.connection


class _Patience:
    """What a run does while it waits for another one: say so once, and hear when it is to stop."""

    def __init__(self, target: Target, emit: Emit, stop: Stop) -> None:
        self._timeout = target.locking.timeout
        self._emit = emit
        self._stop = stop
        self._told: Holder | None = None
        self._silent = True

    def __call__(self, holder: Holder | None, waited: float) -> None:
        if self._stop.is_set():
            raise RunStoppedError("the Dagster run was stopped while it waited for another one")
        if self._silent or holder not in (None, self._told):
            self._silent, self._told = False, holder
            left = max(self._timeout - waited, 0)
            who = holder or "another process"
            self._emit(
                Message(
                    Level.INFO,
                    f"Waits for {who} to end, for up to {left:.0f} seconds: one "
                    "SQLMesh run at a time",
                )
            )


def _promoted(
    fqns: Collection[str], snapshots: Mapping[str, Snapshot], target: Target
) -> frozenset[str]:
    """Return the ones that are promoted; the results say of the others that they are not."""
    promoted = frozenset(fqns) & frozenset(snapshots)
    if promoted:
        return promoted
    raise SetupError(drift.unpromoted(fqns), drift.promoting(target.plan_command))


def due_models(target: Target, execution_time: datetime) -> Due:
    """Ask the state which models a run at `execution_time` would evaluate.

    Signals are left to the run: they are code of the project, and may take longer than a tick.

    Raises:
        SetupError: the project, its state or the environment is not ready.
        StateBusyError: a run is at it, or another process has the state's database to itself.
        RunError: anything else; without secrets, as the others.
    """
    redaction = Redaction()
    try:
        return _due_models(target, execution_time, redaction)
    except Exception as error:  # noqa: BLE001 - raised again without secrets
        told = redaction.error(error)
    raise told


def promoted_models(target: Target) -> tuple[PromotedModel, ...]:
    """Return everything that is promoted in the environment, without waiting for anybody.

    Raises:
        SetupError, StateBusyError, RunError: as `due_models`.
    """
    redaction = Redaction()
    try:
        with open_context(target, redaction) as context:
            snapshots = promoted_snapshots(context, target)
        return tuple(_promoted_model(snapshot, target) for snapshot in snapshots.values())
    except Exception as error:  # noqa: BLE001 - raised again without secrets
        told = redaction.error(error)
    raise told


def _due_models(target: Target, execution_time: datetime, redaction: Redaction) -> Due:
    claim = Claim(Holder.here(""), _do_not_wait_for_runs, lambda _: None)
    with open_alone(target.for_tick(), claim, redaction) as context:
        snapshots = _REMEMBERED.read(context, target)
    return _due(snapshots, target, execution_time)


def _due(snapshots: Mapping[str, Snapshot], target: Target, execution_time: datetime) -> Due:
    by_id = {snapshot.snapshot_id: snapshot for snapshot in snapshots.values()}
    deployability = None
    if target.environment == _PROD:
        deployability = DeployabilityIndex.all_deployable()
        # The run does the same, and writes it down. Here it changes these copies only.
        apply_auto_restatements(by_id, execution_time)
    missing = merged_missing_intervals(
        snapshots.values(),
        execution_time=execution_time,
        end=execution_time,
        deployability_index=deployability or DeployabilityIndex.create(by_id),
    )
    fqns = frozenset(snapshot.name for snapshot in missing if _can_be_selected(snapshot, by_id))
    upcoming = [
        snapshot.node.cron_next(execution_time)
        for snapshot in snapshots.values()
        if _has_cron(snapshot) and snapshot.name not in fqns
    ]
    return Due(fqns, min(upcoming, default=None))


def _can_be_selected(snapshot: Snapshot, snapshots: Mapping[SnapshotId, Snapshot]) -> bool:
    """Whether a package can have it: an audit that reads no model has no asset to be on."""
    if not snapshot.is_audit:
        return True
    read = [snapshots[parent] for parent in snapshot.parents if parent in snapshots]
    return any(_is_asset(parent) for parent in read)


def _is_asset(snapshot: Snapshot) -> bool:
    return snapshot.is_model and not snapshot.is_symbolic


def _do_not_wait_for_runs(holder: Holder | None, waited: float) -> None:
    if holder and holder.run_id:
        raise StateBusyError(str(holder))


def _promoted_model(snapshot: Snapshot, target: Target) -> PromotedModel:
    tick = snapshot.node.cron_next(now_timestamp()) if _has_cron(snapshot) else None
    return PromotedModel(
        fqn=snapshot.name,
        data_hash=snapshot.fingerprint.data_hash,
        parents=tuple(sorted(parent.name for parent in snapshot.parents)),
        next_due=to_timestamp(tick) if tick else None,
        is_asset=_is_asset(snapshot),
        altered=_altered(snapshot, target),
        version=str(snapshot.version),
    )


def _altered(snapshot: Snapshot, target: Target) -> int | None:
    """Return when intervals were written down: of a preview in a development environment apart."""
    times = [
        snapshot.last_altered_ts,
        None if target.environment == _PROD else snapshot.dev_last_altered_ts,
    ]
    return max((time for time in times if time), default=None)


def _has_cron(snapshot: Snapshot) -> bool:
    """Whether later runs evaluate it: not seeds, and nothing that is symbolic."""
    return snapshot.is_model and not (snapshot.is_symbolic or snapshot.is_seed)


def _refuse_unreadable_times(evaluation: Evaluation) -> None:
    for value in filter(None, (evaluation.start, evaluation.end, evaluation.execution_time)):
        try:
            to_datetime(value)
        except ValueError as error:
            raise SetupError(
                f"SQLMesh does not read {value!r} as a time",
                "Use a date (2026-01-31), a timestamp, or a phrase such as `1 day ago`.",
            ) from error
    start, end = evaluation.start, evaluation.end
    if start and end and to_datetime(start) > to_datetime(end):
        raise SetupError(f"The start {start!r} is after the end {end!r}", "Exchange them.")
