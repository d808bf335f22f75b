"""The lock of a real PostgreSQL with SQLMesh's state, between hosts that share nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from dg_sqlmesh_codegen.runtime.concurrency import server_lock
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.concurrency.server_lock import SERVERS, ServerLock
from dg_sqlmesh_codegen.runtime.concurrency.state_lock import hold_state
from dg_sqlmesh_codegen.runtime.errors import RunHoldsStateError, StateBusyError
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Locking, Target
from dg_sqlmesh_codegen.runtime.sqlmesh.context import open_context
from dg_sqlmesh_codegen.runtime.sqlmesh.due_models import read_due_models
from e2e.server.depot import Depot
from e2e.server.postgres import PASSWORD, PORT, USER, Postgres
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("depot")]

DATABASE = "locks"
CONFIG = """
gateways:
  main:
    connection: {{type: duckdb}}
    state_connection:
      {{type: postgres, host: "{host}", port: {port}, user: {user}, password: {password},
        database: {database}}}
model_defaults: {{dialect: duckdb}}
"""
# A host: its threads start at the same time, and each holds the state for a moment. What nobody
# may do while another one is inside is written down in the database.
HOST = """
import sys, threading
from datetime import timedelta
import psycopg2
from dg_sqlmesh_codegen.runtime.concurrency.locks import LockRequest
from dg_sqlmesh_codegen.runtime.redaction import Redaction
from dg_sqlmesh_codegen.runtime.run_target import Locking, Target
from dg_sqlmesh_codegen.runtime.sqlmesh.context import open_context

project, dsn, starts, seconds = sys.argv[1:]
locking = Locking(timeout_seconds=200, missing_limit="the file lock is not enough")
target = Target((project,), "prod", locking=locking)
def work(number):
    database = psycopg2.connect(dsn)
    database.autocommit = True
    def write(statement):
        database.cursor().execute(statement)
    with open_context(target, Redaction(), LockRequest(f"run-{number}", locking)):
        write("INSERT INTO inside VALUES (pg_backend_pid(), clock_timestamp())")
        threading.Event().wait(float(seconds))
        write("UPDATE inside SET until = clock_timestamp() WHERE pid = pg_backend_pid()")
threads = [threading.Thread(target=work, args=(each,)) for each in range(int(starts))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.fixture
def state(warehouse_server: Postgres) -> Iterator[Postgres]:
    """A database for the state, and a table of who was inside and until when."""
    warehouse_server.execute(f"CREATE DATABASE {DATABASE}")
    columns = "pid int, since timestamptz, until timestamptz"
    warehouse_server.execute(f"CREATE TABLE inside ({columns})", DATABASE)
    yield warehouse_server
    warehouse_server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@contextmanager
def host(
    state: Postgres, folder: Path, starts: int = 1, seconds: float = 0.02
) -> Iterator[subprocess.Popen[bytes]]:
    """Play a host: a process with folders of its own, and a checkout of the project."""
    folder.mkdir()
    config = CONFIG.format(
        host=state.host, port=PORT, user=USER, password=PASSWORD, database=DATABASE
    )
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    own = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    arguments = [str(folder), state.dsn(DATABASE), str(starts), str(seconds)]
    command = [sys.executable, "-c", HOST, *arguments]
    with subprocess.Popen(command, env={**os.environ, **own}) as process:
        try:
            yield process
        finally:
            process.kill()


def held(state: Postgres, request: LockRequest) -> AbstractContextManager[None]:
    """Hold the state's lock in this process."""

    def connect() -> psycopg2.extensions.connection:
        return psycopg2.connect(state.dsn(DATABASE))

    lock = ServerLock(SERVERS["postgres"], connect, "sqlmesh/prod")
    return hold_state(request, lock, lambda: pytest.fail("a lock file"))


def test_fifty_starts_on_two_hosts(state: Postgres, tmp_path: Path) -> None:
    with host(state, tmp_path / "a", 25) as one, host(state, tmp_path / "b", 25) as other:
        codes = one.wait(), other.wait()
    overlaps = state.query(
        "SELECT count(*) FROM inside a JOIN inside b "
        "ON a.pid < b.pid AND a.since < b.until AND b.since < a.until",
        DATABASE,
    )

    assert codes == (0, 0)
    assert state.query("SELECT count(until) FROM inside", DATABASE) == [(50,)]
    assert overlaps == [(0,)]
    assert [*tmp_path.rglob("*.lock")] == []  # no host has a lock file


def test_the_lock_of_a_killed_run(state: Postgres, tmp_path: Path) -> None:
    with host(state, tmp_path / "a", seconds=600) as first:
        wait_until(lambda: state.query("SELECT 1 FROM inside", DATABASE), "the first has the lock")
        who = r"run run-0 \(on .+, PostgreSQL connection \d+\)"
        tick = LockRequest("", Locking())  # does not wait for a run
        with pytest.raises(StateBusyError, match=who), held(state, tick):
            pytest.fail("two holders at once")
        with host(state, tmp_path / "b") as second:
            first.send_signal(signal.SIGKILL)
            assert second.wait() == 0
    assert state.query("SELECT count(*) FROM inside", DATABASE) == [(2,)]


def test_a_connection_that_the_server_ends(
    state: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def owners() -> list[tuple[object, ...]]:
        return state.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")

    monkeypatch.setattr(server_lock, "_CHECK_SECONDS", 0.05)
    request = LockRequest("run-1", Locking())
    with held(state, request):
        before = owners()
        state.query(f"SELECT pg_terminate_backend({before[0][0]})")
        wait_until(lambda: owners() not in ([], before), "the lock is taken again")
        assert not request.stop.is_set()
    assert owners() == []


def test_a_tick_of_a_job_reads_the_state_during_a_run(depot: Depot) -> None:
    """PostgreSQL lets it in, so it needs no earlier answer."""
    target, at = Target((str(depot.project),), "prod"), datetime.now(UTC)
    with open_context(target, Redaction(), LockRequest("run-1", target.locking)):
        with pytest.raises(RunHoldsStateError, match="run run-1"):
            read_due_models(target, at)
        found = read_due_models(target, at, during_runs=True)

    assert found.during_run
    assert found.models
    assert found.models.keys() == read_due_models(target, at).models.keys()
