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
from pathlib import Path

import pytest

from benchmarks.contenders import (
    DAGSTER,
    GENERATE,
    PYTHON,
    SQLMESH,
    dg_sqlmesh,
    planned_in,
    script,
)
from benchmarks.instances import Storage, storage
from benchmarks.measuring import Cost, FailedError, patience, run, show, sizes

pytestmark = pytest.mark.benchmark

FLOOR = str(script("floor"))
BARE = "defs_without_checks"
WITHOUT_CHECKS = ("--set", "checks=none", "--set", "execution_status_check=false", "-o", BARE)
HEAD: list[object] = [
    *("", "s", "CPU s", "run itself (s)", "/ `sqlmesh run`", "/ aim"),
    *("MB", "events", "planned", "checks"),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a contender took, and what it wrote to the instance (nothing: it has none)."""

    cost: Cost
    events: dict[str, float]

    @property
    def seconds(self) -> float:
        """Seconds of the whole process."""
        return self.cost.seconds

    @property
    def itself(self) -> float | str:
        """Seconds of the run without imports and definitions, where they were measured."""
        last = self.cost.output.strip().splitlines()[-1]
        return self.cost.report()["seconds"] if last.startswith("{") else ""


@dataclass(frozen=True, slots=True)
class Arena:
    """Runs contenders, each in a fresh copy of `planned` and on a fresh instance."""

    planned: Path
    storage: Storage

    def run(self, command: Sequence[str], *, timeout: float | None = None) -> Outcome:
        folder = self.planned.with_name(f"{self.planned.name}-{self.storage.name}-copy")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.planned, folder)
        instance = self.storage.instance_in(folder)
        cost = run(command, folder, instance, timeout=timeout)
        if command[0] == SQLMESH[0]:
            return Outcome(cost, {})
        return Outcome(cost, run((PYTHON, script("count_events")), folder, instance).report())


@pytest.mark.parametrize("records", ["sqlite", "postgres"])
def test_run_cost(records: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with storage(records) as where:
        for models in sizes("100"):
            planned = planned_in(tmp_path / str(models), models)
            run((*GENERATE, *WITHOUT_CHECKS), planned)
            _compare(Arena(planned, where), models, capsys)


def _compare(arena: Arena, models: int, capsys: pytest.CaptureFixture[str]) -> None:
    sqlmesh = arena.run((*SQLMESH, "run", "--skip-janitor"))
    rows = [HEAD, _row("`sqlmesh run`", sqlmesh, sqlmesh)]
    for way, command in WAYS.items():
        start = arena.run(command("-f", FLOOR, "nothing_job"))
        floor = arena.run(command("-f", FLOOR, "floor_job"))
        ours = arena.run(command("-m", "defs.definitions", "sqlmesh_job"))
        bare = arena.run(command("-m", f"{BARE}.definitions", "sqlmesh_job"))
        assert ours.events["materializations"] == floor.events["materializations"] == models
        assert bare.events["materializations"] == models
        aim = start.seconds + 1.1 * max(sqlmesh.seconds, floor.seconds - start.seconds)
        rows += [
            _row(f"Dagster's start-up, {way}", start, sqlmesh),
            _row(f"Dagster's floor, {way}", floor, sqlmesh),
            _row(f"this project, {way}", ours, sqlmesh, aim),
            _row(f"without checks, {way}", bare, sqlmesh),
        ]
    try:
        rows.append(_row("dg-sqlmesh, in process", _rival(arena), sqlmesh))
    except FailedError as error:
        rows.append([f"dg-sqlmesh, in process: {str(error).splitlines()[0]}", *[""] * 9])
    show(capsys, f"A run of {models} models, Dagster's records in {arena.storage.name}", rows)


def _in_process(flag: str, home: str, job: str) -> tuple[str, ...]:
    return (PYTHON, str(script("run_in_process")), home, job)


def _executed(flag: str, home: str, job: str) -> tuple[str, ...]:
    return (DAGSTER, "job", "execute", flag, home, "-j", job)


WAYS = {"in process": _in_process, "`dagster job execute`": _executed}


def _rival(arena: Arena) -> Outcome:
    definitions = str(script("dg_sqlmesh_definitions"))
    command = (str(dg_sqlmesh()), str(script("run_in_process")), definitions, "sqlmesh_job")
    return arena.run(command, timeout=patience())


def _row(name: str, outcome: Outcome, sqlmesh: Outcome, aim: float | None = None) -> list[object]:
    cost = outcome.cost
    return [
        *(name, cost.wall, cost.cpu, outcome.itself, cost.seconds / sqlmesh.seconds),
        cost.seconds / aim if aim else "",
        round(cost.megabytes),
        *(outcome.events.get(key, "") for key in ("all", "planned", "checks")),
    ]
