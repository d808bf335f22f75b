"""Removes secrets from every text before Dagster stores it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretStr

from .errors import RunError, SetupError, StateBusyError
from .events import AuditFailed, Event, Message, ModelFailed

HIDDEN = "***"
_T = TypeVar("_T")
# `scheme://user:password@host`. A password may hold anything but a space, a quote and a slash.
_URL = re.compile(r"(?P<user>[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE)
# `password=...` as in a libpq string, `PWD={...}` as in an ODBC string.
_PAIR = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|motherduck_token|access_token|client_secret)\s*=\s*)"
    r"(?:'[^']*'|\"[^\"]*\"|\{[^}]*\}|[^\s;,&'\")]+)",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd$|secret|token|private_key$|keyfile_json|api_?key|"
    r"access_key|account_key|credential|authorization",
    re.IGNORECASE,
)
# Redacting shorter values would remove parts of ordinary words.
_MIN_LENGTH = 4


class Redaction:
    """Knows the secrets of one project, and removes them from texts, events and errors."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values. Passwords in connection URLs are found without them."""
        self._secrets: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Add secrets, in every form in which an error can show them."""
        forms = {
            form
            for secret in secrets
            for form in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1])
        }
        # Longest first: a secret can be a part of another one.
        self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _URL.sub(rf"\g<user>:{HIDDEN}@", text)
        return _PAIR.sub(rf"\g<name>{HIDDEN}", text)

    def event(self, event: Event) -> Event:
        """Return the event with secrets removed from its texts."""
        match event:
            case Message():
                return replace(event, text=self.text(event.text))
            case ModelFailed():
                message, trace = self.text(event.message), self.text(event.traceback)
                return replace(event, message=message, traceback=trace)
            case AuditFailed():
                return replace(event, query=self.text(event.query))
            case _:
                return event

    def error(self, error: BaseException) -> Exception:
        """Return an error with the same message, without secrets and without a cause.

        Dagster stores the whole chain of causes, so the chain goes into `RunError.traceback`.
        """
        if isinstance(error, SetupError | StateBusyError):
            return type(error)(self.text(str(error)))
        trace = "".join(traceback.format_exception(error))
        return RunError(self.text(f"{type(error).__name__}: {error}"), self.text(trace))


def redacted_errors(work: Callable[[Redaction], _T], caught: type[BaseException] = Exception) -> _T:
    """Return what `work` returns, and raise its errors without secrets.

    Args:
        work: takes a `Redaction`, to which it adds the project's secrets.
        caught: the type of errors to redact.

    Raises:
        SetupError, StateBusyError: as `work` raises them.
        RunError: in place of every other error.
    """
    redaction = Redaction()
    try:
        return work(redaction)
    except caught as error:
        redacted = redaction.error(error)
    # Outside of `except`: otherwise Dagster would store the original error as the context.
    raise redacted


def secrets_of(configuration: object) -> frozenset[str]:
    """Return the values that are secret by type (SecretStr) or by the name of their field.

    Reads SQLMesh's configuration as plain pydantic models, and does not import SQLMesh.
    """
    return frozenset(secret for secret in _secrets(configuration, "") if len(secret) >= _MIN_LENGTH)


def _secrets(value: object, name: str) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, str):
        if _SECRET_NAME.search(name):
            yield value
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _secrets(getattr(value, field, None), field)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(item, str(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item, name)
