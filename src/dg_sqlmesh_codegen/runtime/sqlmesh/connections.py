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
# What the drivers take where a configuration may leave the port out and SQLMesh fills in none.
_DEFAULT_PORTS = {"mysql": "3306", "redshift": "5439"}
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
    environment does not count: the state is in the first file.

    Args:
        connection: SQLMesh's configuration of the connection that the state is in.
        schema: the schema of the state's tables; None is SQLMesh's default.
        environment: the SQLMesh environment.

    Returns:
        A digest without anything secret, fit for a file name.
    """
    kind = getattr(connection, "type_", type(connection).__name__)
    file = duckdb_file(connection)
    identity: dict[str, object]
    if file:
        identity = {"type": kind, "file": str(file)}
    else:
        fields = {name: _normal(getattr(connection, name, None)) for name in _IDENTITY}
        fields["port"] = fields["port"] or _DEFAULT_PORTS.get(kind)
        named = {name: value for name, value in fields.items() if value is not None}
        identity = {"type": kind, "schema": schema, "environment": environment, **named}
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def secrets_of(configuration: object) -> frozenset[str]:
    """Return every secret value in a configuration: by type (SecretStr) or by its field's name."""
    return frozenset(
        secret for secret in _secrets(configuration, "") if len(secret) >= _SHORTEST_SECRET
    )


def duckdb_file(connection: BaseModel) -> Path | None:
    """Return the absolute path of the file that a DuckDB connection has its own tables in.

    That is its database or, where it names several catalogs, the first of them (SQLMesh
    documentation, "DuckDB: connection options"); None where it is in memory or no file.
    """
    if getattr(connection, "type_", None) != "duckdb":
        return None
    path = getattr(connection, "database", None)
    catalogs = getattr(connection, "catalogs", None) or {}
    for options in catalogs.values():
        path = path or getattr(options, "path", options)
    if not isinstance(path, str) or not path:
        return None
    if path == ":memory:" or path.startswith("md:") or "://" in path:
        return None
    return Path(path).resolve()


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
