"""Restatements on PostgreSQL, killed at random moments, each before one run of the models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.restating import CHANGED, FILES, RESTATED, WEEK
from e2e.server.depot import config_of, intervals_of
from e2e.server.killing import Jobs, kill_at_random
from e2e.server.postgres import Postgres
from e2e.server.processes import script
from e2e.shop import run
from projects import write_project

pytestmark = pytest.mark.server

KILLS = 10
SEED = 20261127
NAME = "restated"
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
_CONFIG = {"models": ["staging.orders"], "start": WEEK[0], "end": WEEK[1], "preview": False}
RESTATE = {"ops": {"sqlmesh_restate": {"config": _CONFIG}}}


@pytest.fixture
def warehouse(
    tmp_path: Path, warehouse_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Postgres]:
    """A server with the planned models; `tmp_path` has the project and its package."""
    monkeypatch.setenv("DEPOT_HOST", warehouse_server.host)
    monkeypatch.setenv("DEPOT_PASSWORD", "secret")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = config_of(NAME, NAME, date(2025, 11, 1), tasks=2)
    write_project(tmp_path / "project", FILES, config=config)
    warehouse_server.copy("template1", NAME)
    warehouse_server.execute(_SOURCES, NAME)
    generate = [sys.executable, "-m", "dg_sqlmesh_codegen", "project", "-o", "restated_defs"]
    run([*generate, "--set", "restate=true", "--default-catalog", NAME], tmp_path)
    run([script("sqlmesh"), "-p", "project", "plan", "--auto-apply", "--no-prompts"], tmp_path)
    yield warehouse_server
    warehouse_server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


@pytest.fixture
def jobs(dagster_home: Path) -> Jobs:
    return Jobs(dagster_home, "restated_defs")


def last(jobs: Jobs) -> Outcome:
    with dg.DagsterInstance.from_config(str(jobs.home)) as instance:
        (latest,) = instance.get_runs(limit=1)
        assert latest.status is dg.DagsterRunStatus.SUCCESS
        return Outcome.of(instance, latest.run_id)


def require_no_gap_and_no_wrong_row(warehouse: Postgres, project: Path) -> None:
    pieces = {model: len(intervals) for model, intervals in intervals_of(project).items()}
    assert {model: count for model, count in pieces.items() if count != 1} == {}
    for model, query in _FOLLOWS.items():
        assert warehouse.count_differences(NAME, query, f"SELECT * FROM {model}") == 0, model


def test_no_gap_and_no_double_row(warehouse: Postgres, jobs: Jobs, tmp_path: Path) -> None:
    project = tmp_path / "project"
    warehouse.execute(CHANGED, NAME)
    whole = jobs.run("sqlmesh_restate_job", RESTATE)
    assert set(last(jobs).materialized) == RESTATED
    require_no_gap_and_no_wrong_row(warehouse, project)
    changed = "SELECT COUNT(*) FROM staging.orders WHERE amount % 10 <> 0"
    assert warehouse.query(changed, NAME) == [(21,)]

    def restate_and_run(kill_after: float) -> float:
        warehouse.execute(CHANGED, NAME)
        took = jobs.run("sqlmesh_restate_job", RESTATE, kill_after)
        assert jobs.run("sqlmesh_job", {})
        require_no_gap_and_no_wrong_row(warehouse, project)
        per_day = "SELECT ordered_on FROM staging.orders GROUP BY 1 HAVING COUNT(*) <> 3"
        assert warehouse.query(per_day, NAME) == []
        return took

    kill_at_random(restate_and_run, whole, kills=KILLS, seed=SEED)
    assert jobs.run("sqlmesh_restate_job", RESTATE)
    last(jobs)
    require_no_gap_and_no_wrong_row(warehouse, project)
    through = "(SELECT MAX(ordered_on) FROM staging.orders)"
    source = f"SELECT * FROM src.orders WHERE ordered_on <= {through}"
    assert warehouse.count_differences(NAME, source, "SELECT * FROM staging.orders") == 0
