"""Events and errors without secrets."""

from __future__ import annotations

import logging
import traceback
from dataclasses import fields
from typing import get_args

import pytest

from dg_sqlmesh_codegen.runtime import events
from dg_sqlmesh_codegen.runtime.errors import (
    RunError,
    RunStoppedError,
    SetupError,
    StateBusyError,
)
from dg_sqlmesh_codegen.runtime.events import AuditFailed, AuditUse, Message, ModelFailed
from dg_sqlmesh_codegen.runtime.redaction import Redaction, secrets_of

SECRET = "p@ss/w:rd'1"  # noqa: S105 - invented


def test_events_have_no_secrets() -> None:
    redaction = Redaction([SECRET])
    use = AuditUse("positive")

    emitted = (
        Message(logging.INFO, SECRET),
        ModelFailed("a", SECRET, f"Traceback: {SECRET}", (use,)),
        AuditFailed("a", use, 1, f"SELECT '{SECRET}'"),
    )
    told = [redaction.event(event) for event in emitted]

    assert SECRET not in repr(told)
    assert isinstance(told[1], ModelFailed)
    assert told[1].blocking_audits == (use,)


def test_an_error_has_no_cause() -> None:
    error = RuntimeError(f"second {SECRET}")
    error.__cause__ = ValueError(f"first {SECRET}")
    told = Redaction([SECRET]).error(error)

    assert isinstance(told, RunError)
    assert str(told) == "RuntimeError: second ***"
    assert "ValueError: first ***" in told.traceback
    assert (told.__cause__, told.__context__) == (None, None)
    assert SECRET not in "".join(traceback.format_exception(told)) + told.traceback


@pytest.mark.parametrize("kind", [SetupError, StateBusyError])
def test_our_sentences_stay_and_foreign_details_are_redacted(
    kind: type[SetupError | StateBusyError],
) -> None:
    told = Redaction(["prod", "sqlmesh"]).error(
        kind("The environment 'prod' is not there", "Run `sqlmesh plan prod`.", "no schema prod")
    )

    assert type(told) is kind
    text = "The environment 'prod' is not there: no schema ***. Run `sqlmesh plan prod`."
    assert str(told) == text


def test_a_stopped_run_is_our_sentence_too() -> None:
    assert str(Redaction(["stopped"]).error(RunStoppedError("it was stopped"))) == "it was stopped"


def test_a_system_exit_becomes_an_error() -> None:
    assert str(Redaction().error(SystemExit(3))) == "SystemExit: 3"


def test_only_names_that_end_like_a_secret_are_secret() -> None:
    configuration = {
        "token_limit": "prod",
        "private_key_path": "key.pem",
        "tokens": "all",
        "jwt_token": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "headers": [{"Authorization": "three"}],
    }

    assert secrets_of(configuration) == {"one", "two", "three"}


def test_every_text_of_an_event_is_redacted_or_ours() -> None:
    texts = {
        field.name
        for kind in get_args(events.Event)
        for field in fields(kind)
        if field.type in ("str", "str | None")
    }

    assert texts - {"fqn", "plan_command"} == {"text", "message", "traceback", "query"}
