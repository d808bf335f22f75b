"""Removes secrets from the texts of SQLMesh, drivers and projects before Dagster stores them.

Our own sentences stay as they are: they hold no secret, and a remedy has to be readable.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, SecretStr

from .errors import RunError, RunStoppedError, SetupError, StateBusyError
from .events import Emit, Event
from .secret_patterns import PLACES, SECRET_FIELD, patterns_of

HIDDEN = "***"
# The fields of events that hold texts of SQLMesh, a driver or the project.
_TEXTS = ("text", "message", "traceback", "query")
_T = TypeVar("_T")


class Redaction:
    """Knows the secrets of one project, and removes them from texts, events and errors."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values. Secrets in typical places are found without them."""
        self._secrets: set[str] = set()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Add secret values."""
        self._secrets.update(secrets)
        self._patterns = patterns_of(self._secrets)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        known = [pattern for spelling, pattern in self._patterns.items() if spelling in text]
        if known:
            text = re.sub("|".join(known), HIDDEN, text)
        for place in PLACES:
            text = place.sub(rf"\g<kept>{HIDDEN}", text)
        return text

    def event(self, event: Event) -> Event:
        """Return the event with secrets removed from its texts."""
        texts = {name: self.text(getattr(event, name)) for name in _TEXTS if hasattr(event, name)}
        return replace(event, **texts)  # type: ignore[arg-type]  # of any event

    def emitter(self, emit: Emit) -> Emit:
        """Return an `emit` for events that hold texts of SQLMesh, a driver or the project."""
        return lambda event: emit(self.event(event))

    def error(self, error: BaseException) -> Exception:
        """Return an error with the same message, without secrets and without a cause.

        Of our own errors only the detail can hold a secret. Dagster stores the whole chain of
        causes, so the chain goes into `RunError.traceback`.
        """
        if isinstance(error, SetupError | StateBusyError):
            return type(error)(error.problem, error.remedy, self.text(error.detail))
        if isinstance(error, RunStoppedError):
            return RunError(str(error))
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
    return frozenset(_secrets(configuration, ""))


def _secrets(value: object, name: str) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, str):
        if SECRET_FIELD.search(name):
            yield value
    elif isinstance(value, BaseModel | Mapping):
        for key, item in dict(value).items():
            yield from _secrets(item, str(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item, name)
