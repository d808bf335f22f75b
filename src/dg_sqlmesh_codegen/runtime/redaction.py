"""Secrets are taken out of every text before Dagster stores it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, quote_plus

from .errors import RunError, SetupError, StateBusyError
from .events import AuditFailed, Event, Message, ModelFailed

HIDDEN = "***"
# `scheme://user:password@host`; a password may hold anything but a space, a quote and a slash.
_URL = re.compile(r"(?P<user>[a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE)
# `password=...` as in a libpq string, `PWD={...}` as in an ODBC one.
_PAIR = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|motherduck_token|access_token|client_secret)\s*=\s*)"
    r"(?:'[^']*'|\"[^\"]*\"|\{[^}]*\}|[^\s;,&'\")]+)",
    re.IGNORECASE,
)


class Redaction:
    """Knows the secrets of one project, and takes them out of texts, events and errors."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values; those in connection URLs are found without."""
        self._secrets: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Learn more secrets, in each form in which an error may show them."""
        forms = {
            form
            for secret in secrets
            for form in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1])
        }
        # The longest first: one secret may be a part of another.
        self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _URL.sub(rf"\g<user>:{HIDDEN}@", text)
        return _PAIR.sub(rf"\g<name>{HIDDEN}", text)

    def event(self, event: Event) -> Event:
        """Return the event without secrets in its texts."""
        match event:
            case Message():
                return replace(event, text=self.text(event.text))
            case ModelFailed():
                return replace(
                    event,
                    message=self.text(event.message),
                    traceback=self.text(event.traceback),
                )
            case AuditFailed():
                return replace(event, query=self.text(event.query))
            case _:
                return event

    def error(self, error: BaseException) -> Exception:
        """Return an error that says the same without secrets, and carries no other error along.

        Dagster stores the whole chain of an exception's causes; what they say stands in the text.
        """
        if isinstance(error, SetupError | StateBusyError):
            return type(error).saying(self.text(str(error)))
        told = "".join(traceback.format_exception(error))
        return RunError(self.text(f"{type(error).__name__}: {error}"), self.text(told))
