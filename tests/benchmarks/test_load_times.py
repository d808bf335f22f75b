"""Draws generated_example/load_times.png: seconds over the number of models, three lines.

    pytest -m benchmark -s tests/benchmarks/test_load_times.py
    BENCHMARK_MODELS=10,100,1000,3000 pytest -m benchmark -s tests/benchmarks/test_load_times.py

What is compared is the price of knowing the graph, each as a whole process: importing the generated
package, loading the project with SQLMesh alone, and building Definitions with dg-sqlmesh. The last
two find SQLMesh's `.cache` warm, which is more than a container that has just started has.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from benchmarks.contenders import BARE_CONTEXT, PYTHON, dg_sqlmesh, package_in, script
from benchmarks.measuring import Cost, alternately, clock, run, show, sizes

pytestmark = pytest.mark.benchmark


def test_load_times(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = sizes("10,100,300")
    measured = [_costs(package_in(tmp_path / str(models), models)) for models in numbers]
    names = list(measured[0])
    rows: list[list[object]] = [["models", *(f"{name} (s)" for name in names)]]
    for models, costs in zip(numbers, measured, strict=True):
        rows.append([models, *(cost.seconds for cost in costs.values())])
    show(capsys, f"Seconds until the graph is known ({clock()} clock)", rows)

    lines = {name: [costs[name].seconds for costs in measured] for name in names}
    picture = root / "generated_example" / "load_times.png"
    data = json.dumps({"models": numbers, "seconds": lines})
    run((PYTHON, script("draw_load_times"), data, picture), tmp_path)
    assert picture.stat().st_size


def _costs(folder: Path) -> dict[str, Cost]:
    commands: dict[str, tuple[str | Path, ...]] = {
        "generated package": (PYTHON, "-c", "import defs.definitions"),
        "SQLMesh's own load": BARE_CONTEXT,
        "dg-sqlmesh": (dg_sqlmesh(), script("dg_sqlmesh_definitions")),
    }
    contenders = {name: partial(run, command, folder) for name, command in commands.items()}
    for contender in contenders.values():
        contender()  # byte code, and SQLMesh's cache
    return alternately(contenders)
