"""The address of a table for `dagster/uri`. Only the deployment knows it, so no package has it."""

from __future__ import annotations

from sqlmesh.core.config import ConnectionConfig

# What SQLMesh's connections call the server.
_SERVERS = ("account", "host", "server_hostname")


def table_uri(connection: ConnectionConfig, table: str) -> str:
    """Return the engine, the server and the table, such as `postgres://db.example:5432/a.s.t`.

    Args:
        connection: of the model's gateway. It has no user and no password in the result.
        table: the name that readers query.

    Returns:
        An empty text if the connection names no server, as those of DuckDB and BigQuery, or only
        the folder of a socket.
    """
    servers = (getattr(connection, name, None) for name in _SERVERS)
    server = next(filter(None, servers), "/")
    if server.startswith("/"):
        return ""
    port = getattr(connection, "port", None)
    return f"{connection.type_}://{server}{f':{port}' if port else ''}/{table}"
