"""A tick of the generated schedule beside a `sqlmesh run` that finds nothing to do.

    pytest -m benchmark -s tests/benchmarks/test_tick.py
    BENCHMARK_MODELS=1000 pytest -m benchmark -s tests/benchmarks/test_tick.py

Ticks are measured inside one process, as a code server evaluates them: the first one imports
SQLMesh and reads the state, later ones are what a schedule costs all day long. Planning 1,000
models takes minutes, and is not part of any figure.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import PYTHON, SQLMESH, instance_in, planned_in, script
from benchmarks.measuring import run, show, sizes

pytestmark = pytest.mark.benchmark


def test_tick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[object]] = [
        [
            *("models", "`sqlmesh run` (s)", "the same, imported (s)", "first tick (s)"),
            *("later tick (s)", "tick with all due (s)", "later tick / imported run"),
            *("tick that reports (s)", "later tick / without reports"),
        ]
    ]
    for models in sizes("100"):
        folder = planned_in(tmp_path / str(models), models, planned_at="now")
        instance = instance_in(folder)
        nothing_due = (*SQLMESH, "run", "--skip-janitor")
        run(nothing_due, folder)
        command = run(nothing_due, folder).seconds
        library = run((PYTHON, script("run_nothing")), folder).report()
        ticks = run((PYTHON, script("ticks")), folder, instance).report()
        assert ticks["selected"] == models
        rows.append(
            [
                *(models, command, library["later"], ticks["first"], ticks["later"], ticks["due"]),
                ticks["later"] / library["later"],
                *(ticks["reporting"], ticks["later"] / ticks["quiet"]),
            ]
        )
    show(capsys, "A tick with nothing due", rows)
