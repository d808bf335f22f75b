"""Restatements on PostgreSQL, killed at random moments, each before one run of the models."""

from __future__ import annotations

import importlib
import random
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.restating import CHANGED, FILES, RESTATED, WEEK
from e2e.server.postgres import PORT, USER, Postgres
from e2e.shop import run
from projects import write_project

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server")]

KILLS = 10
SEED = 20261127
NAME = "restated"
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["dagster", "pytest", "dg_sqlmesh_codegen.runtime.sqlmesh.run"])
_CONFIG = """
gateways:
  warehouse:
    connection: &server
      type: postgres
      host: "{{{{ env_var('DEPOT_HOST') }}}}"
      port: {port}
      user: {user}
      password: "{{{{ env_var('DEPOT_PASSWORD') }}}}"
      database: {name}
      concurrent_tasks: 2
    state_connection:
      <<: *server
default_gateway: warehouse
model_defaults: {{dialect: postgres, start: 2025-11-01, cron: '@daily'}}
"""
_SOURCES = """
CREATE SCHEMA src;
CREATE TABLE src.orders AS
  SELECT day::date AS ordered_on, c AS customer, 10 * c AS amount
  FROM generate_series(date '2025-11-01', date '2027-12-31', interval '1 day') AS day,
    generate_series(1, 3) AS c;
"""
# What the models hold if they follow what is in `staging.orders`.
_FOLLOWS = {
    "marts.revenue": "SELECT ordered_on, SUM(amount)::INT FROM staging.orders GROUP BY 1",
    "marts.totals": "SELECT customer, SUM(amount)::INT FROM staging.orders GROUP BY 1",
    "marts.recent": "SELECT ordered_on, SUM(amount)::INT FROM staging.orders GROUP BY 1",
    "marts.last_orders": "SELECT customer, MAX(ordered_on), SUM(amount)::INT FROM staging.orders "
    "GROUP BY 1",
}
RESTATE = {
    "ops": {
        "sqlmesh_restate": {
            "config": {
                "models": ["staging.orders"],
                "start": WEEK[0],
                "end": WEEK[1],
                "preview": False,
            }
        }
    }
}


def execute(home: str, job: str, config: Mapping[str, object]) -> None:
    """Run a job as `dagster job execute` does on the in-process executor."""
    definitions = importlib.import_module("restated_defs.definitions").defs
    with dg.DagsterInstance.from_config(home) as instance:
        definitions.resolve_job_def(job).execute_in_process(
            instance=instance, run_config=config, raise_on_error=False
        )


@dataclass(frozen=True)
class Place:
    """The folder of the project and of Dagster's home, and the server with warehouse and state."""

    folder: Path
    postgres: Postgres

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def job(self, job: str, config: Mapping[str, object], kill_after: float | None = None) -> float:
        """Run a job; return the seconds it took, or 0 if the process had to be killed."""
        process = FORKS.Process(target=execute, args=(str(self.home), job, config))
        started = time.monotonic()
        process.start()
        process.join(kill_after)  # a random moment, not a wait for something
        process.kill()
        process.join()
        took = time.monotonic() - started
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            for each in instance.get_runs():
                if not each.is_finished:  # what the run monitoring would find out
                    instance.report_run_failed(each)
                    instance.event_log_storage.free_concurrency_slots_for_run(each.run_id)
        assert process.exitcode in (0, -signal.SIGKILL)
        return took if process.exitcode == 0 else 0

    def last(self) -> Outcome:
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            (latest,) = instance.get_runs(limit=1)
            assert latest.status is dg.DagsterRunStatus.SUCCESS
            return Outcome.of(instance, latest.run_id)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        return self.postgres.query(statement, NAME)

    def wrong_rows(self, queries: Mapping[str, str]) -> dict[str, object]:
        """Count, by model, the rows that are missing or too many."""
        counts = {}
        for model, query in queries.items():
            ((count,),) = self.query(
                f"SELECT COUNT(*) FROM ((({query}) EXCEPT ALL SELECT * FROM {model}) UNION ALL "
                f"(SELECT * FROM {model} EXCEPT ALL ({query}))) AS wrong"
            )
            counts[model] = count
        return {model: count for model, count in counts.items() if count}

    def gaps(self) -> dict[str, int]:
        """Return how many pieces the intervals of each model are in, where it is not one."""
        from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting need not take

        context = Context(paths=[str(self.folder / "project")], load=False)
        try:
            environment = context.state_reader.get_environment("prod")
            assert environment
            found = context.state_reader.get_snapshots(environment.snapshots).values()
            pieces = {each.name: len(each.intervals) for each in found if not each.is_external}
            return {name: count for name, count in pieces.items() if count != 1}
        finally:
            context.close()


@pytest.fixture
def place(
    tmp_path: Path, warehouse_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    made = Place(tmp_path, warehouse_server)
    values = {"DEPOT_HOST": warehouse_server.host, "DEPOT_PASSWORD": "secret"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(tmp_path))
    made.home.mkdir()
    (made.home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    config = _CONFIG.format(port=PORT, user=USER, name=NAME)
    write_project(tmp_path / "project", FILES, config=config)
    warehouse_server.copy("template1", NAME)
    warehouse_server.execute(_SOURCES, NAME)
    generate = [sys.executable, "-m", "dg_sqlmesh_codegen", "project", "-o", "restated_defs"]
    run([*generate, "--set", "restate=true", "--default-catalog", NAME], tmp_path)
    sqlmesh = str(Path(sys.executable).parent / "sqlmesh")
    run([sqlmesh, "-p", "project", "plan", "--auto-apply", "--no-prompts"], tmp_path)
    yield made
    warehouse_server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def test_no_gap_and_no_double_row(place: Place) -> None:
    moments = random.Random(SEED)  # noqa: S311 - to be the same every time
    place.postgres.execute(CHANGED, NAME)
    whole = place.job("sqlmesh_restate_job", RESTATE)
    outcome = place.last()
    assert set(outcome.materialized) == RESTATED
    assert place.gaps() == {}
    assert place.wrong_rows(_FOLLOWS) == {}
    changed = "SELECT COUNT(*) FROM staging.orders WHERE amount % 10 <> 0"
    assert place.query(changed) == [(21,)]

    killed = 0
    for _ in range(KILLS):
        place.postgres.execute(CHANGED, NAME)
        took = place.job("sqlmesh_restate_job", RESTATE, moments.uniform(0, whole))
        killed += not took
        assert place.job("sqlmesh_job", {})
        assert place.gaps() == {}
        assert place.wrong_rows(_FOLLOWS) == {}
        per_day = "SELECT ordered_on FROM staging.orders GROUP BY 1 HAVING COUNT(*) <> 3"
        assert place.query(per_day) == []

    assert killed > KILLS / 2
    assert place.job("sqlmesh_restate_job", RESTATE)
    place.last()
    source = "SELECT * FROM src.orders WHERE ordered_on <= (SELECT MAX(ordered_on) FROM {})"
    assert place.wrong_rows({"staging.orders": source.format("staging.orders")}) == {}
    assert place.wrong_rows(_FOLLOWS) == {}
