"""One run: its options, its errors and its secrets, with a replacement for SQLMesh's context."""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from sqlmesh import Context
from sqlmesh.utils import CompletionStatus

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.concurrency.cancel import Stop
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.errors import RunError, SetupError
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Evaluation, Target
from dg_sqlmesh_codegen.runtime.sqlmesh import compat, promoted, run

pytestmark = pytest.mark.sqlmesh

SNAPSHOT, PLANNED = Mock(parents=[]), Mock(plan_id="1")
PLANNED.name = "prod"
WAITING = events.Message(logging.INFO, "Only one sqlmesh run can plan")  # a sentence of ours
MODEL = events.PromotedModel('"a"', "1", (), None)


@pytest.fixture(autouse=True)
def context(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock()
    made.state_reader.get_environment.return_value = PLANNED

    @contextmanager
    def open_context(
        _: Target, redaction: Redaction, request: LockRequest, *arguments: object
    ) -> Iterator[Mock]:
        redaction.add(["hunter2!", "sqlmesh", "plan"])
        request.emit(WAITING)
        yield made

    found = promoted.PromotedEnvironment(PLANNED, {'"a"': SNAPSHOT})
    monkeypatch.setattr(run, "open_context", open_context)
    monkeypatch.setattr(run, "read_promoted", lambda context, target: found)
    monkeypatch.setattr(promoted, "promoted_model", lambda *_: MODEL)
    return made


def evaluate(**options: Any) -> list[events.Event]:  # noqa: ANN401
    emitted: list[events.Event] = []
    evaluation = Evaluation(**{"fqns": frozenset(['"a"', '"new"']), **options})
    run.evaluate(Target(("/project",), "prod"), evaluation, emitted.append, Stop())
    return emitted


def test_a_run_evaluates_the_promoted_models_of_the_selection(context: Mock) -> None:
    def works(*arguments: object, **options: object) -> CompletionStatus:
        context.console.log_status_update("connected with hunter2!")
        return CompletionStatus.NOTHING_TO_DO

    context.run.side_effect = works
    times = {"start": "2026-11-05", "end": "2026-11-06", "execution_time": None}

    assert evaluate(ignore_cron=True, **times) == [
        WAITING,
        events.EnvironmentRead((MODEL,), "sqlmesh -p /project plan prod"),
        events.Message(logging.INFO, "connected with ***"),
        events.RunEnded(nothing_to_do=True),
    ]
    flags = {"ignore_cron": True, "no_auto_upstream": True, "skip_janitor": True}
    context.run.assert_called_once_with("prod", select_models=['"a"'], **flags, **times)


def test_a_run_that_ignores_crons_does_not_ask_to_wait_for_one(context: Mock) -> None:
    text = f"{compat.NOTHING_READY}\n\nNext run will be ready at 2026-11-07 00:00 AM UTC."
    context.run.side_effect = lambda *_, **__: context.console.log_status_update(text) or Mock()

    said = [
        [event.text for event in evaluate(ignore_cron=ignored) if isinstance(event, events.Message)]
        for ignored in (True, False)
    ]

    ours = WAITING.text
    assert said == [[ours, "No interval is missing, so no model is evaluated."], [ours, text]]
    assert compat.NOTHING_READY in inspect.getsource(Context._run)


@pytest.mark.parametrize("error", [ValueError("hunter2!"), SystemExit("hunter2!")])
def test_an_error_has_no_secrets_and_no_cause(context: Mock, error: BaseException) -> None:
    context.run.side_effect = error
    with pytest.raises(RunError) as caught:
        evaluate()

    assert str(caught.value) == f"{type(error).__name__}: ***"
    assert "hunter2!" not in caught.value.traceback
    assert caught.value.__context__ is None


def test_a_remedy_is_not_redacted() -> None:
    with pytest.raises(SetupError, match="Run `sqlmesh -p /project plan prod`"):
        evaluate(fqns=frozenset(['"new"']))
