"""Finds the secret values in a SQLMesh configuration, for `redaction`.

Reads SQLMesh's configuration objects as plain pydantic models, and does not import SQLMesh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, SecretStr

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd$|secret|token|private_key$|keyfile_json|api_?key|"
    r"access_key|account_key|credential|authorization",
    re.IGNORECASE,
)
# Redacting shorter values would remove parts of ordinary words.
_MIN_LENGTH = 4


def secrets_of(configuration: object) -> frozenset[str]:
    """Return the values that are secret by type (SecretStr) or by the name of their field."""
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
