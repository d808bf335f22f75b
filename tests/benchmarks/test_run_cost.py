"""A run of this project's job beside `sqlmesh run`, Dagster's own floor and dg-sqlmesh.

    pytest -m benchmark -s tests/benchmarks/test_run_cost.py
    BENCHMARK_MODELS=100,500 pytest -m benchmark -s tests/benchmarks/test_run_cost.py
    pytest -m benchmark -s tests/benchmarks/test_run_cost.py -k sqlite

Each contender starts from a copy of the same planned state, in which every model has one day to
do, and from an empty Dagster instance. Figures are seconds of whole processes, imports included,
but for the "run itself" columns. The floor is an op with the same keys and checks that only
yields; start-up is a process that runs a job of one asset that does nothing. The aim of issue 5
is 1.1 times the larger of `sqlmesh run` and the floor's run, plus start-up.
BENCHMARK_TIMEOUT is how many seconds dg-sqlmesh gets (900).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.contenders import DAGSTER, PYTHON, SQLMESH, dg_sqlmesh, planned_in, script
from benchmarks.instances import Storage, storage
from benchmarks.measuring import Cost, FailedError, run, show, sizes

pytestmark = pytest.mark.benchmark

IN_PROCESS = (PYTHON, str(script("run_in_process")))
FLOOR = str(script("floor"))
OURS = ("-m", "defs.definitions", "-j", "sqlmesh_job")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a contender took, and what it wrote to the instance (nothing: it has none)."""

    cost: Cost
    events: dict[str, float]

    @property
    def itself(self) -> float:
        """Seconds of the run without imports and definitions, where they were measured."""
        return self.cost.report()["seconds"]


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
            _compare(Arena(planned, where), models, capsys)


def _compare(arena: Arena, models: int, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = {
        "`sqlmesh run`": arena.run((*SQLMESH, "run", "--skip-janitor")),
        "Dagster's start-up, in process": arena.run((*IN_PROCESS, FLOOR, "nothing_job")),
        "Dagster's floor, in process": arena.run((*IN_PROCESS, FLOOR, "floor_job")),
        "this project, in process": arena.run((*IN_PROCESS, "defs.definitions", "sqlmesh_job")),
        "Dagster's start-up, `dagster job execute`": arena.run(_executed("-f", FLOOR, "nothing")),
        "Dagster's floor, `dagster job execute`": arena.run(_executed("-f", FLOOR, "floor")),
        "this project, `dagster job execute`": arena.run(
            _executed("-m", "defs.definitions", "sqlmesh")
        ),
    }
    for outcome in outcomes.values():
        assert outcome.events.get("materializations", models) in (models, 1)
    rows = _rows(outcomes)
    rows.append(["dg-sqlmesh, in process", *_rival(arena, outcomes["`sqlmesh run`"].cost)])
    show(capsys, f"A run of {models} models, Dagster's records in {arena.storage.name}", rows)


def _executed(flag: str, home: str, job: str) -> tuple[str, ...]:
    return (DAGSTER, "job", "execute", flag, home, "-j", f"{job}_job")


def _rows(outcomes: dict[str, Outcome]) -> list[list[object]]:
    sqlmesh = outcomes["`sqlmesh run`"].cost.seconds
    floor = outcomes["Dagster's floor, in process"].itself
    rows: list[list[object]] = [
        ["", "s", "run itself (s)", "/ `sqlmesh run`", "/ aim", "MB", "events", "planned", "checks"]
    ]
    for name, outcome in outcomes.items():
        way = name.partition(", ")[2]
        start = outcomes[f"Dagster's start-up, {way}"].cost.seconds if way else 0.0
        aim = 1.1 * max(sqlmesh, floor) + start
        ours = name.startswith("this project")
        seconds = outcome.cost.seconds
        rows.append(
            [
                *(name, seconds, outcome.itself if way == "in process" else ""),
                *(seconds / sqlmesh, seconds / aim if ours else "", round(outcome.cost.megabytes)),
                *(outcome.events.get(key, "") for key in ("all", "planned", "checks")),
            ]
        )
    return rows


def _rival(arena: Arena, sqlmesh: Cost) -> list[object]:
    command = (
        str(dg_sqlmesh()),
        str(script("run_in_process")),
        str(script("dg_sqlmesh_definitions")),
        "sqlmesh_job",
    )
    try:
        outcome = arena.run(command, timeout=float(os.environ.get("BENCHMARK_TIMEOUT", "900")))
    except FailedError as error:
        return [str(error).splitlines()[0], *[""] * 7]
    events = (outcome.events[key] for key in ("all", "planned", "checks"))
    seconds = outcome.cost.seconds
    return [
        *(seconds, outcome.itself, seconds / sqlmesh.seconds, ""),
        round(outcome.cost.megabytes),
        *events,
    ]
