"""Texts, events and errors without secrets."""

from __future__ import annotations

import logging
import traceback

import pytest

from dg_sqlmesh_codegen.runtime.errors import RunError, SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.events import AuditFailed, AuditUse, Message, ModelFailed
from dg_sqlmesh_codegen.runtime.redaction import Redaction

SECRET = "p@ss/w:rd'1"  # noqa: S105 - invented


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"cannot log in with {SECRET}", "cannot log in with ***"),
        ("postgresql://me:p%40ss%2Fw%3Ard%271@db/x", "postgresql://me:***@db/x"),
        ("could not reach postgresql+psycopg2://me:other@db:5432/x", None),
        ("connection 'host=db password=other user=me' failed", None),
        ("DRIVER={x};UID=me;PWD={other};", None),
        ("no secret: https://db.example:8080/path?x=a@b", "="),
        ("the column password is missing", "="),
    ],
)
def test_a_text_has_no_secrets(text: str, expected: str | None) -> None:
    told = Redaction([SECRET]).text(text)

    assert SECRET not in told
    if expected is None:
        assert "other" not in told
        assert "***" in told
    else:
        assert told == (text if expected == "=" else expected)


def test_a_secret_that_is_part_of_another_one() -> None:
    assert Redaction(["abcd", "abcdefgh"]).text("abcdefgh abcd") == "*** ***"


def test_events_have_no_secrets() -> None:
    redaction = Redaction([SECRET])
    use = AuditUse("positive")

    events = (
        Message(logging.INFO, SECRET),
        ModelFailed("a", SECRET, f"Traceback: {SECRET}", (use,)),
        AuditFailed("a", use, 1, f"SELECT '{SECRET}'"),
    )
    told = [redaction.event(event) for event in events]

    assert SECRET not in repr(told)
    assert isinstance(told[1], ModelFailed)
    assert told[1].blocking_audits == (use,)


def raised() -> Exception:
    try:
        try:
            raise ValueError(f"first {SECRET}")
        except ValueError as error:
            raise RuntimeError(f"second {SECRET}") from error
    except RuntimeError as error:
        return error


def test_an_error_has_no_cause() -> None:
    told = Redaction([SECRET]).error(raised())

    assert isinstance(told, RunError)
    assert str(told) == "RuntimeError: second ***"
    assert "ValueError: first ***" in told.traceback
    assert (told.__cause__, told.__context__) == (None, None)
    assert SECRET not in "".join(traceback.format_exception(told)) + told.traceback


def test_our_errors_keep_their_type() -> None:
    redaction = Redaction([SECRET])

    setup = redaction.error(SetupError(f"Refused: {SECRET}", "Mend it."))
    assert isinstance(setup, SetupError)
    assert str(setup) == "Refused: ***. Mend it."
    assert isinstance(redaction.error(StateBusyError("x")), StateBusyError)


def test_a_system_exit_becomes_an_error() -> None:
    assert str(Redaction().error(SystemExit(3))) == "SystemExit: 3"
