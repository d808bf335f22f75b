"""One `sqlmesh run`.

It never plans, applies a plan or changes an environment. It also skips the janitor, which deletes
expired environments: run `sqlmesh janitor` where you run plans.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlmesh import Context
from sqlmesh.utils.date import to_datetime

from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.errors import SetupError
from dg_sqlmesh_codegen.runtime.events import (
    Emit,
    EnvironmentRead,
    Event,
    Message,
    RunEnded,
)
from dg_sqlmesh_codegen.runtime.redaction import Redaction, redacted_errors
from dg_sqlmesh_codegen.runtime.results import drift
from dg_sqlmesh_codegen.runtime.run_target import PROD, Evaluation, Target, Upstream

from . import compat, development, due_models, last_intervals, promoted, upstream
from .audits import AuditRun
from .compat import Environment, Snapshot
from .console import AuditNotifier, RunConsole
from .context import open_context
from .evaluated import evaluated_models
from .restatement import RestatementRun

if TYPE_CHECKING:
    from sqlmesh.utils import CompletionStatus


_NOTHING_OWN = "No model is evaluated: all that are selected are left to prod."


def evaluate(target: Target, evaluation: Evaluation, emit: Emit, stop: Stop) -> None:
    """Run SQLMesh once (`sqlmesh run`), with exclusive use of its state, and emit events.

    Selected models that are not promoted are left out. `evaluation.upstream` says what is done if
    models upstream of the selected ones have missing intervals.

    Args:
        target: the project and the environment.
        evaluation: the models, and the options of the run.
        emit: takes the events, without secrets. Called from several threads.
        stop: once set, no further batch starts. It knows the running queries.

    Raises:
        SetupError: the project, its state or the environment is not ready, or upstream models have
            missing intervals and `evaluation.upstream` is `fail`.
        StateBusyError: another process held the state until the timeout.
        RunError: the run as a whole failed. A failed model is an event, not an error.
    """

    def work(redaction: Redaction) -> None:
        _evaluate(target, evaluation, emit, stop, redaction)

    redacted_errors(work, BaseException)  # a Python model can call sys.exit


def _evaluate(
    target: Target, evaluation: Evaluation, emit: Emit, stop: Stop, redaction: Redaction
) -> None:
    _require_valid_times(evaluation)
    notifier = AuditNotifier(emit=redaction.emitter(emit))
    request = LockRequest(evaluation.run_id, target.locking, emit, stop, redaction.text)
    with open_context(target, redaction, request, notifier) as context:
        environment = promoted.read_environment(context, target)
        snapshots = promoted.read_snapshots(context, environment)
        if evaluation.restatement:
            restated = RestatementRun(
                context, environment, snapshots, target, evaluation.restatement
            )
            restated.execute(emit, stop, redaction)
            return
        fqns = evaluation.fqns & snapshots.keys()
        if not fqns:
            raise SetupError(*drift.not_promoted(evaluation.fqns, target.plan_command, snapshots))
        evaluation = replace(evaluation, fqns=fqns)
        read = _environment_read(context, snapshots, environment, target, evaluation)
        emit(read)
        if evaluation.audits:
            audits = AuditRun(context, snapshots, environment, target, evaluation)
            for event in audits.execute(evaluation.audits, stop):
                emit(redaction.event(event))
            return
        own = evaluation.fqns - read.left_to_prod.fqns
        if not own:
            emit(Message(logging.INFO, _NOTHING_OWN))
            emit(RunEnded(nothing_to_do=True))
            return
        if evaluation.upstream in (Upstream.FAIL, Upstream.WARN):
            _report_missing_upstream(target, replace(evaluation, fqns=own), snapshots, emit)
        if target.environment != PROD:
            choice = development.Choice(context, target, evaluation, environment, snapshots)
            compat.choose_models(context, choice.choose)
        said = _without_crons(emit) if evaluation.ignore_cron else emit
        context.console = RunConsole(
            redaction.emitter(said), stop, partial(compat.open_handles, context)
        )
        if evaluation.again:
            last_intervals.remove(context, snapshots, target, evaluation)
        status = _run(context, target, evaluation, snapshots)
        current = promoted.find_environment(context, target)
        if current and current.plan_id != environment.plan_id:
            # A plan was applied during the run: it can have added and removed models.
            snapshots = promoted.read_snapshots(context, current)
            emit(_environment_read(context, snapshots, current, target, evaluation))
        emit(RunEnded(nothing_to_do=status.is_nothing_to_do, failed=status.is_failure))


def _run(
    context: Context, target: Target, evaluation: Evaluation, snapshots: Mapping[str, Snapshot]
) -> CompletionStatus:
    include, selected = evaluation.upstream is Upstream.INCLUDE, {*evaluation.fqns}
    if include:
        selected = upstream.with_audited_models(selected, snapshots)
    # In other environments `Choice` adds what is upstream: SQLMesh would also add what is prod's.
    adds_upstream = include and target.environment == PROD
    return context.run(
        target.environment,
        start=evaluation.start,
        end=evaluation.end,
        execution_time=evaluation.execution_time,
        ignore_cron=evaluation.ignore_cron,
        select_models=sorted(selected),
        no_auto_upstream=not adds_upstream,
        skip_janitor=True,
    )


def _environment_read(
    context: Context,
    snapshots: Mapping[str, Snapshot],
    environment: Environment,
    target: Target,
    evaluation: Evaluation,
) -> EnvironmentRead:
    models = tuple(
        promoted.promoted_model(context, each, environment) for each in snapshots.values()
    )
    prod = development.prod_of(context, target)
    left = development.left_to_prod(prod, snapshots, target, evaluation)
    if not evaluation.reads_evaluated:
        return EnvironmentRead(models, target.plan_command, left_to_prod=left)
    evaluated = evaluated_models(snapshots, environment, target)
    at = evaluation.execution_time or datetime.now(UTC).isoformat()
    due = due_models.missing_intervals(snapshots, target, at).keys()
    not_run = due - (evaluation.fqns - left.fqns)
    known = {name: each for name, each in evaluated.items() if name not in not_run}
    return EnvironmentRead(models, target.plan_command, known, left)


def _report_missing_upstream(
    target: Target, evaluation: Evaluation, snapshots: Mapping[str, Snapshot], emit: Emit
) -> None:
    missing = upstream.missing_upstream(target, evaluation, snapshots)
    if missing is None:
        return
    if evaluation.upstream is Upstream.FAIL:
        raise SetupError(missing, "Select them too, or set `upstream` to 'include'.")
    text = f"{missing}. No later run evaluates these intervals of the selected models again."
    emit(Message(logging.WARNING, text))


def _without_crons(emit: Emit) -> Emit:
    """Replace SQLMesh's message for a run with nothing to do: it asks to wait for a cron."""

    def emit_other(event: Event) -> None:
        if isinstance(event, Message) and event.text.startswith(compat.NOTHING_READY):
            event = Message(event.level, "No interval is missing, so no model is evaluated.")
        emit(event)

    return emit_other


def _require_valid_times(evaluation: Evaluation) -> None:
    start, end = evaluation.start, evaluation.end
    for value in filter(None, (start, end, evaluation.execution_time)):
        try:
            to_datetime(value)
        except ValueError as error:
            raise SetupError(
                f"SQLMesh cannot parse {value!r} as a time",
                "Use a date (2026-01-31), a timestamp, or a phrase such as `1 day ago`.",
            ) from error
    if start and end and to_datetime(start) > to_datetime(end):
        raise SetupError(f"The start {start!r} is after the end {end!r}", "Swap them.")
