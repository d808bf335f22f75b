"""Which database a SQLMesh state is in.

Reads SQLMesh's connection configurations as plain pydantic models, and does not import SQLMesh.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel

# Fields that distinguish databases, over all connection types of SQLMesh. User and credentials are
# left out: two users of one database still exclude each other.
_IDENTITY_FIELDS = (
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


def state_key(connection: BaseModel, schema: str | None, environment: str) -> str:
    """Return a key that is the same for two projects whose runs must not overlap.

    It names the lock file, which is used where no server locks the state.
    Only one process at a time can open a DuckDB file, so there the environment does not matter.

    Args:
        connection: SQLMesh's configuration of the state connection.
        schema: schema of the state tables; None is SQLMesh's default.
        environment: the SQLMesh environment.

    Returns:
        A hexadecimal digest for a file name. It contains no secret.
    """
    kind = getattr(connection, "type_", type(connection).__name__)
    file = duckdb_file(connection)
    identity: dict[str, object]
    if file:
        identity = {"type": kind, "file": str(file)}
    else:
        fields = {name: getattr(connection, name, None) for name in _IDENTITY_FIELDS}
        known = {name: str(value).lower() for name, value in fields.items() if value is not None}
        identity = {"type": kind, "schema": schema, "environment": environment, **known}
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def duckdb_file(connection: BaseModel) -> Path | None:
    """Return the absolute path of the file in which a DuckDB connection creates its tables.

    That is its `database` or the first of its `catalogs` (SQLMesh docs, "DuckDB: connection
    options"). None if it is in memory or not a local file.
    """
    path = duckdb_path(connection)
    if not path or path == ":memory:" or path.startswith("md:") or "://" in path:
        return None
    return Path(path).resolve()


def duckdb_path(connection: BaseModel) -> str | None:
    """Return that path as the configuration has it. None for other databases, "" for no path."""
    if getattr(connection, "type_", None) != "duckdb":
        return None
    path = getattr(connection, "database", None)
    catalogs = getattr(connection, "catalogs", None) or {}
    for options in catalogs.values():
        path = path or getattr(options, "path", options)
    return str(path or "")
