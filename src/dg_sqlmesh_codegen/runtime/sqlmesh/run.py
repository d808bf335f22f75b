"""One `sqlmesh run`.

It never plans, applies a plan or changes an environment. It also skips the janitor, which deletes
expired environments: run `sqlmesh janitor` where you run plans.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

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
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target, Upstream

from . import audits, compat, due_models, last_intervals
from .choice import chosen, left_to_prod, missing_upstream
from .console import AuditNotifier
from .context import open_context
from .open_run import OpenRun
from .promoted import PromotedEnvironment, read_promoted
from .restatement import RestatementRun
from .snapshots import evaluated_models

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
        _require_valid_times(evaluation)
        redacted = redaction.emitter(emit)
        request = LockRequest(evaluation.run_id, target.locking, emit, stop, redaction.text)
        notifier = AuditNotifier(emit=redacted)
        with open_context(target, redaction, request, notifier) as context:
            promoted = read_promoted(context, target)
            run = OpenRun(context, target, evaluation, promoted, emit, redacted, stop)
            if evaluation.restatement:
                RestatementRun(run, evaluation.restatement).execute()
            else:
                _evaluate(run)

    redacted_errors(work, BaseException)  # a Python model can call sys.exit


def _evaluate(run: OpenRun) -> None:
    selected, snapshots = run.evaluation.fqns, run.promoted.snapshots
    fqns = selected & snapshots.keys()
    if not fqns:
        raise SetupError(*drift.not_promoted(selected, run.target.plan_command, snapshots))
    run = replace(run, evaluation=replace(run.evaluation, fqns=fqns))
    read = _environment_read(run, run.promoted)
    run.emit(read)
    if run.evaluation.audits:
        audits.execute(run, run.evaluation.audits)
    elif own := fqns - read.left_to_prod.fqns:
        _evaluate_models(run, own)
    else:
        run.emit(Message(logging.INFO, _NOTHING_OWN))
        run.emit(RunEnded(nothing_to_do=True))


def _evaluate_models(run: OpenRun, own: frozenset[str]) -> None:
    if run.evaluation.upstream in (Upstream.FAIL, Upstream.WARN):
        _report_missing_upstream(run, own)
    run.listen(_without_crons(run.emit_redacted) if run.evaluation.ignore_cron else None)
    if run.evaluation.again:
        last_intervals.remove(run)
    status = _run(run)
    if run.has_changed() and (current := run.promoted_now()):
        # A plan was applied during the run: it can have added and removed models.
        run.emit(_environment_read(run, current))
    run.emit(RunEnded(nothing_to_do=status.is_nothing_to_do, failed=status.is_failure))


def _run(run: OpenRun) -> CompletionStatus:
    def choose() -> set[str]:
        promoted = run.promoted_now()
        # If it is gone, SQLMesh says so.
        return chosen(promoted, run.evaluation) if promoted else set()

    compat.choose_models(run.context, choose)
    return run.context.run(
        run.target.environment,
        start=run.evaluation.start,
        end=run.evaluation.end,
        execution_time=run.evaluation.execution_time,
        ignore_cron=run.evaluation.ignore_cron,
        select_models=sorted(run.evaluation.fqns),
        no_auto_upstream=True,  # `chosen` has them, but for those that are left to prod
        skip_janitor=True,
    )


def _environment_read(run: OpenRun, promoted: PromotedEnvironment) -> EnvironmentRead:
    models, evaluation = promoted.models(run.context), run.evaluation
    left = left_to_prod(promoted, evaluation)
    if not evaluation.reads_evaluated:
        return EnvironmentRead(models, run.target.plan_command, left_to_prod=left)
    evaluated = evaluated_models(promoted.environment, promoted.snapshots)
    at = evaluation.execution_time or datetime.now(UTC).isoformat()
    due = promoted.missing_intervals(due_models.whole_run(at)).keys()
    not_run = due - (evaluation.fqns - left.fqns)
    known = {name: each for name, each in evaluated.items() if name not in not_run}
    return EnvironmentRead(models, run.target.plan_command, known, left)


def _report_missing_upstream(run: OpenRun, own: frozenset[str]) -> None:
    missing = missing_upstream(run.promoted, replace(run.evaluation, fqns=own))
    if missing is None:
        return
    if run.evaluation.upstream is Upstream.FAIL:
        raise SetupError(missing, "Select them too, or set `upstream` to 'include'.")
    text = f"{missing}. No later run evaluates these intervals of the selected models again."
    run.emit(Message(logging.WARNING, text))


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
