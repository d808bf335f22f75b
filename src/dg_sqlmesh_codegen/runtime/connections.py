"""What a connection's configuration says: which database it is, and what of it is secret.

It reads SQLMesh's configuration objects as plain pydantic models and imports nothing of SQLMesh.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr

# The fields that tell one database from another, over all of SQLMesh's connection types. Who
# connects, and how, is left out: another user of the same database is still in the way.
_IDENTITY = (
    "account",
    "catalog",
    "database",
    "db",
    "driver_name",
    "host",
    "http_path",
    "instance_connection_string",
    "port",
    "project",
    "region",
    "region_name",
    "server_hostname",
    "warehouse_location",
    "s3_warehouse_location",
    "work_group",
)
_SAME_HOST = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|pwd$|secret|token|private_key$|keyfile_json|api_?key|"
    r"access_key|account_key|credential|authorization",
    re.IGNORECASE,
)
# Shorter ones would blank out half of every message, and hide nothing.
_SHORTEST_SECRET = 4


def state_key(connection: BaseModel, schema: str | None, environment: str) -> str:
    """Return what two projects share if and only if their runs may not overlap.

    DuckDB lets one process at a time into a file, whatever the environment, so there the
    environment does not count.

    Args:
        connection: SQLMesh's configuration of the connection that the state is in.
        schema: the schema of the state's tables; None is SQLMesh's default.
        environment: the SQLMesh environment.

    Returns:
        A digest without anything secret, fit for a file name.
    """
    kind = getattr(connection, "type_", type(connection).__name__)
    files = _duckdb_files(connection) if kind == "duckdb" else []
    identity: dict[str, object]
    if files:
        identity = {"type": kind, "files": files}
    else:
        fields = {name: _normal(getattr(connection, name, None)) for name in _IDENTITY}
        named = {name: value for name, value in fields.items() if value is not None}
        identity = {"type": kind, "schema": schema, "environment": environment, **named}
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def secrets_of(configuration: object) -> frozenset[str]:
    """Return every secret value in a configuration: by type (SecretStr) or by its field's name."""
    return frozenset(
        secret for secret in _secrets(configuration, "") if len(secret) >= _SHORTEST_SECRET
    )


def _duckdb_files(connection: BaseModel) -> list[str]:
    """Return the absolute paths of the files; none for a database in memory."""
    catalogs = getattr(connection, "catalogs", None) or {}
    paths = [getattr(connection, "database", None)]
    paths += [getattr(options, "path", options) for options in catalogs.values()]
    return sorted(
        str(Path(path).resolve())
        for path in paths
        if isinstance(path, str) and path and path != ":memory:" and "://" not in path
    )


def _normal(value: object) -> str | None:
    if value is None:
        return None
    text = str(value).strip().lower()
    return _SAME_HOST.get(text, text)


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
