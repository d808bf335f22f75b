"""Dagster instances to run on: with their records in SQLite, or in a real PostgreSQL."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.contenders import PYTHON
from benchmarks.measuring import run
from e2e.server.postgres import Postgres

# dg-sqlmesh refuses to run without the queued coordinator. Nothing goes through its queue here.
_COMMON = """
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
telemetry:
  enabled: false
"""
_POSTGRES = """
storage:
  postgres:
    postgres_url: {url}
"""
_number = count()


class Storage:
    """Where new instances keep their records: SQLite, or databases of a PostgreSQL server."""

    def __init__(self, server: Postgres | None) -> None:
        self._server = server

    @property
    def name(self) -> str:
        return "PostgreSQL" if self._server else "SQLite"

    def instance_in(self, folder: Path) -> dict[str, str]:
        """Make an empty instance, tables included; return the environment that names it."""
        home = folder / "dagster_home"
        home.mkdir()
        text = _COMMON
        if self._server:
            database = f"dagster_{next(_number)}"
            self._server.execute(f"CREATE DATABASE {database}")
            text += _POSTGRES.format(url=self._server.url(database))
        (home / "dagster.yaml").write_text(text)
        environment = {"DAGSTER_HOME": str(home)}
        code = "import dagster; dagster.DagsterInstance.get().get_runs_count()"
        run((PYTHON, "-c", code), folder, environment)
        return environment


@contextmanager
def storage(name: str) -> Iterator[Storage]:
    """Yield the storage of that name, `sqlite` or `postgres`; a server ends with it."""
    if name == "sqlite":
        yield Storage(None)
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # a server that root starts runs as another user
        server = Postgres.start_new(Path(folder) / "postgres")
        yield Storage(server)
        server.cleanup()
