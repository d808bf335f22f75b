"""The thread in which SQLMesh runs, with other work in place of SQLMesh."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dg_sqlmesh_codegen.runtime import sqlmesh as host
from dg_sqlmesh_codegen.runtime import worker
from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.errors import RunError
from dg_sqlmesh_codegen.runtime.events import Emit, Message
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target

Start = Callable[[Callable[[Emit, Stop], None]], worker.SQLMeshRun]
FIRST, LAST = Message(logging.INFO, "first"), Message(logging.INFO, "last")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a function that starts a run with other work in place of SQLMesh's."""

    def started(work: Callable[[Emit, Stop], None]) -> worker.SQLMeshRun:
        replaced = SimpleNamespace(evaluate=lambda target, evaluation, *given: work(*given))
        # `from .sqlmesh import run` finds the attribute before it would import the module.
        monkeypatch.setattr(host, "run", replaced, raising=False)
        run = worker.SQLMeshRun(Target(("/nowhere",), "prod"), Evaluation(frozenset()))
        assert run.is_over
        run.start()
        return run

    return started


def test_events_are_yielded_while_sqlmesh_runs(start: Start) -> None:
    taken = threading.Event()

    def work(emit: Emit, stop: Stop) -> None:
        emit(FIRST)
        assert taken.wait(10), "the first event was held back until the work was over"
        emit(LAST)

    run = start(work)
    events = run.events()
    assert next(events) == FIRST
    assert not run.is_over
    taken.set()
    assert list(events) == [LAST]
    assert run.is_over


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_an_error_is_raised_after_the_events_before_it(start: Start, error: BaseException) -> None:
    def work(emit: Emit, stop: Stop) -> None:
        emit(FIRST)
        raise error

    events = start(work).events()
    assert next(events) == FIRST
    with pytest.raises(ValueError if isinstance(error, ValueError) else RunError) as caught:
        next(events)
    assert error in (caught.value, caught.value.__cause__)


def test_stopping_returns_the_remaining_events_once(start: Start) -> None:
    def work(emit: Emit, stop: Stop) -> None:
        emit(FIRST)
        stop.wait()
        emit(LAST)

    run = start(work)
    next(run.events())

    assert run.stop() == [LAST]
    assert run.stop() == []
    assert "sqlmesh-run" not in {thread.name for thread in threading.enumerate()}


def test_a_run_that_lost_its_lock_can_be_stopped(start: Start) -> None:
    """The lock sets the same `Stop`, and leaves what runs to end."""
    may_end = threading.Event()

    def work(emit: Emit, stop: Stop) -> None:
        stop.set()
        emit(FIRST)
        may_end.wait()
        emit(LAST)

    run = start(work)
    next(run.events())
    assert not run.is_over
    may_end.set()
    assert run.stop() == [LAST]
