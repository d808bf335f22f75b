"""The thread in which SQLMesh runs, with other work in place of SQLMesh."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dg_sqlmesh_codegen.runtime import sqlmesh as host
from dg_sqlmesh_codegen.runtime import worker
from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.errors import RunError
from dg_sqlmesh_codegen.runtime.events import Event, Message
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target

TARGET = Target(("/nowhere",), "prod")
EVALUATION = Evaluation(frozenset())
Work = Callable[[Callable[[Event], None], Stop], None]


@pytest.fixture
def in_place_of_sqlmesh(monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], None]:
    """Return a function that replaces SQLMesh's run with other work."""

    def put(work: Work) -> None:
        def evaluate(
            target: Target,
            evaluation: Evaluation,
            emit: Callable[[Event], None],
            stop: Stop,
        ) -> None:
            work(emit, stop)

        # `from .sqlmesh import run` finds the attribute before it would import the module.
        monkeypatch.setattr(host, "run", SimpleNamespace(evaluate=evaluate), raising=False)

    return put


def started() -> worker.SQLMeshRun:
    run = worker.SQLMeshRun(TARGET, EVALUATION)
    assert run.is_over
    run.start()
    return run


def message(text: str) -> Message:
    return Message(logging.INFO, text)


def test_events_are_yielded_while_sqlmesh_runs(
    in_place_of_sqlmesh: Callable[[Work], None],
) -> None:
    taken = threading.Event()

    def work(emit: Callable[[Event], None], stop: Stop) -> None:
        emit(message("first"))
        assert taken.wait(10), "the first event was held back until the work was over"
        emit(message("second"))

    in_place_of_sqlmesh(work)
    events = started().events()

    assert next(events) == message("first")
    taken.set()
    assert list(events) == [message("second")]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_an_error_is_raised_after_the_events_before_it(
    in_place_of_sqlmesh: Callable[[Work], None], error: BaseException
) -> None:
    def work(emit: Callable[[Event], None], stop: Stop) -> None:
        emit(message("first"))
        raise error

    in_place_of_sqlmesh(work)
    events = started().events()

    assert next(events) == message("first")
    with pytest.raises(ValueError if isinstance(error, ValueError) else RunError) as caught:
        next(events)
    assert error in (caught.value, caught.value.__cause__)


def test_stopping_returns_the_remaining_events(
    in_place_of_sqlmesh: Callable[[Work], None],
) -> None:
    stopped = threading.Event()

    def work(emit: Callable[[Event], None], stop: Stop) -> None:
        emit(message("first"))
        while not stop.is_set():
            time.sleep(0.01)
        emit(message("last"))
        stopped.set()

    in_place_of_sqlmesh(work)
    run = started()
    next(run.events())

    assert run.stop() == [message("last")]
    assert stopped.is_set()
    assert "sqlmesh-run" not in {thread.name for thread in threading.enumerate()}


def test_no_event_of_many_threads_is_lost(
    in_place_of_sqlmesh: Callable[[Work], None],
) -> None:
    def work(emit: Callable[[Event], None], stop: Stop) -> None:
        def emit_many(number: int) -> None:
            for index in range(125):
                emit(message(f"{number}-{index}"))

        threads = [threading.Thread(target=emit_many, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    in_place_of_sqlmesh(work)
    events = started().events()
    texts = [event.text for event in events]  # type: ignore[union-attr]

    assert len(texts) == len(set(texts)) == 2000
