"""A run of this project's job beside `sqlmesh run`, Dagster's own floor and dg-sqlmesh.

    pytest -m benchmark -s tests/benchmarks/test_run_cost.py
    BENCHMARK_MODELS=100,500 pytest -m benchmark -s tests/benchmarks/test_run_cost.py
    pytest -m benchmark -s tests/benchmarks/test_run_cost.py -k sqlite

Each contender starts from a copy of one planned state, in which every model has one day to do, and
from an empty Dagster instance. Figures are seconds of whole processes, imports included, but for
the "run itself" columns. The floor is an op with the same keys and checks that only yields;
start-up is a process that runs a job of one asset that does nothing. The aim is 1.1 times the
larger of `sqlmesh run` and the floor (without its start-up), plus start-up. "Without checks" is the
package with `checks = "none"` and `execution_status_check = false`: a third of the events.
BENCHMARK_TIMEOUT is how many seconds dg-sqlmesh gets (900).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from benchmarks.contenders import (
    DAGSTER,
    GENERATE,
    PYTHON,
    SQLMESH,
    dg_sqlmesh,
    instance_in,
    planned_in,
    script,
)
from benchmarks.measuring import PATIENCE, Cost, FailedError, run, show, sizes
from e2e.server.postgres import Postgres

pytestmark = pytest.mark.benchmark

FLOOR = str(script("floor"))
BARE = "defs_without_checks"
WITHOUT_CHECKS = ("--set", "checks=none", "--set", "execution_status_check=false", "-o", BARE)
HEAD: list[object] = [
    *("", "s", "CPU s", "user s", "run itself (s)", "/ `sqlmesh run`", "/ aim"),
    *("events", "planned", "checks"),
]


# What a contender took, and what it wrote to its instance, by kind of event.
Outcome = tuple[Cost, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Arena:
    """Runs contenders, each in a fresh copy of `planned` and on a fresh instance."""

    planned: Path
    server: Postgres | None
    numbers: count[int]

    def run(self, command: Sequence[str], *, timeout: float | None = None) -> Outcome:
        number = next(self.numbers)
        folder = self.planned.with_name(f"copy-{number}")
        shutil.copytree(self.planned, folder)
        url = self.server.url(self.server.new_database()) if self.server else None
        instance = instance_in(folder, url)
        cost = run(command, folder, instance, timeout=timeout)
        if command[0] == SQLMESH[0]:
            return cost, {}
        return cost, run((PYTHON, script("count_events")), folder, instance).report()


@pytest.mark.parametrize("records", ["SQLite", "PostgreSQL"])
def test_run_cost(records: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o755)  # a server that root starts runs as another user
    server = Postgres.start_new(tmp_path / "postgres") if records == "PostgreSQL" else None
    try:
        for models in sizes("100"):
            planned = planned_in(tmp_path / str(models), models)
            run((*GENERATE, *WITHOUT_CHECKS), planned)
            rows = _compared(Arena(planned, server, count()), models)
            show(capsys, f"A run of {models} models, Dagster's records in {records}", rows)
    finally:
        if server:
            server.cleanup()


def _compared(arena: Arena, models: int) -> list[list[object]]:
    sqlmesh = arena.run((*SQLMESH, "run", "--skip-janitor"))
    reference = sqlmesh[0].seconds
    rows = [HEAD, _row("`sqlmesh run`", sqlmesh, reference)]
    for way, command in WAYS.items():
        start = arena.run(command("-f", FLOOR, "nothing_job"))
        floor = arena.run(command("-f", FLOOR, "floor_job"))
        ours = arena.run(command("-m", "defs.definitions", "sqlmesh_job"))
        bare = arena.run(command("-m", f"{BARE}.definitions", "sqlmesh_job"))
        assert {each[1]["ASSET_MATERIALIZATION"] for each in (floor, ours, bare)} == {models}
        imports = start[0].seconds
        aim = imports + 1.1 * max(reference, floor[0].seconds - imports)
        rows += [
            _row(f"Dagster's start-up, {way}", start, reference),
            _row(f"Dagster's floor, {way}", floor, reference),
            _row(f"this project, {way}", ours, reference, aim),
            _row(f"without checks, {way}", bare, reference),
        ]
    try:
        rows.append(_row("dg-sqlmesh, in process", _rival(arena), reference))
    except FailedError as error:
        rows.append([f"dg-sqlmesh, in process: {str(error).splitlines()[0]}", *[""] * 9])
    return rows


def _in_process(flag: str, home: str, job: str) -> tuple[str, ...]:
    return (PYTHON, str(script("run_in_process")), home, job)


def _executed(flag: str, home: str, job: str) -> tuple[str, ...]:
    return (DAGSTER, "job", "execute", flag, home, "-j", job)


WAYS = {"in process": _in_process, "`dagster job execute`": _executed}


def _rival(arena: Arena) -> Outcome:
    definitions = str(script("dg_sqlmesh_definitions"))
    command = (str(dg_sqlmesh()), str(script("run_in_process")), definitions, "sqlmesh_job")
    return arena.run(command, timeout=PATIENCE)


def _row(name: str, outcome: Outcome, reference: float, aim: float | None = None) -> list[object]:
    cost, events = outcome
    last = cost.output.strip().splitlines()[-1]
    planned = [number for kind, number in events.items() if kind.endswith("_PLANNED")]
    return [
        *(name, cost.wall, cost.cpu, cost.user),
        cost.report()["seconds"] if last.startswith("{") else "",
        cost.seconds / reference,
        cost.seconds / aim if aim else "",
        *(events.get("all", ""), sum(planned), events.get("ASSET_CHECK_EVALUATION", "")),
    ]
