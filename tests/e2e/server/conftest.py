"""PostgreSQL, the planned warehouse, the generated package and Dagster's processes: made once."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.server.depot import PLANNED, WAREHOUSE, Depot, day
from e2e.server.installation import Installation
from e2e.server.postgres import Postgres
from e2e.server.processes import Processes, script
from e2e.shop import run

STORAGE = "dagster"


@pytest.fixture(scope="session")
def warehouse_server() -> Iterator[Postgres]:
    """The server of the warehouse and of SQLMesh's state."""
    yield from _server()


@pytest.fixture(scope="session")
def storage_server() -> Iterator[Postgres]:
    """The server of Dagster's storage: the warehouse may go away, and Dagster stays."""
    yield from _server()


def _server() -> Iterator[Postgres]:
    # Not below pytest's folder: as root, PostgreSQL runs as another user, who may not look there.
    folder = Path(tempfile.mkdtemp(prefix="depot-postgres-"))
    postgres = Postgres.start_new(folder / "data")
    yield postgres
    postgres.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def planned_depot(
    tmp_path_factory: pytest.TempPathFactory, warehouse_server: Postgres
) -> Iterator[Depot]:
    """The project, planned in `prod` some days ago, and its package beside it."""
    folder = tmp_path_factory.mktemp("depot")
    depot = Depot(folder / "depot", warehouse_server)
    depot.write()
    depot.create()
    plan = ["plan", "--auto-apply", "--no-prompts", "--execution-time", str(day(PLANNED))]
    generate = [sys.executable, "-m", "dg_sqlmesh_codegen", "depot", "-o", "defs"]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as both:
        patch.setenv("DEPOT_HOST", warehouse_server.host)
        patch.setenv("DEPOT_PASSWORD", "secret")
        catalog = ["--default-catalog", WAREHOUSE]
        generated = both.submit(run, [*generate, *catalog], folder)
        run([script("sqlmesh"), "-p", "depot", *plan], folder)
        generated.result()
        depot.keep()
        yield depot


@pytest.fixture
def depot(planned_depot: Depot) -> Depot:
    """The project as it was right after the plan."""
    planned_depot.restore()
    return planned_depot


@pytest.fixture
def processes(workplace: Path, dagster_home: Path) -> Iterator[Processes]:
    """Programs that find the packages of `workplace` and the instance of `dagster_home`."""
    made = Processes(workplace, {"DAGSTER_HOME": str(dagster_home), "PYTHONPATH": str(workplace)})
    yield made
    made.stop_all()


@pytest.fixture(scope="session")
def running_installation(
    planned_depot: Depot, storage_server: Postgres, root: Path
) -> Iterator[Installation]:
    """Dagster on PostgreSQL: code server, web server and daemon."""
    storage_server.execute(f"CREATE DATABASE {STORAGE}")
    environment = {name: os.environ[name] for name in ("DEPOT_HOST", "DEPOT_PASSWORD")}
    installation = Installation(planned_depot.project.parent, environment)
    installation.write(root / "generated_example", storage_server.url(STORAGE))
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


@pytest.fixture
def installation(running_installation: Installation, depot: Depot) -> Iterator[Installation]:
    """Dagster's processes, with nothing to run and the warehouse as it was planned."""
    assert running_installation.active_runs() == []
    yield running_installation
    for active in running_installation.active_runs():
        running_installation.terminate(active.run_id)
        running_installation.wait_for(active.run_id, status="CANCELED")
