"""What column lineage adds to a generation; every column of the models is traced.

    BENCHMARK_MODELS=1000 BENCHMARK_ROUNDS=1 pytest -m benchmark -s \\
        tests/benchmarks/test_column_lineage.py

Both are warm: SQLMesh's parsed models are in the generator's cache, and every file is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.contenders import GENERATE, project_in
from benchmarks.measuring import Cost, alternately, run, show, sizes
from dg_sqlmesh_codegen.cache import store

pytestmark = pytest.mark.benchmark
LINEAGE = "dagster/column_lineage"


def test_column_lineage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[object]] = [["models", "without (s)", "with (s)", "with / without"]]
    for models in sizes("100"):
        folder = project_in(tmp_path / str(models), models)
        contenders = {value: _generation(folder, value) for value in ("false", "true")}
        for warm in contenders.values():
            warm()
        costs = alternately(contenders)
        without, traced = (each.seconds for each in costs.values())
        rows.append([models, without, traced, traced / without])
        modules = [*folder.glob("defs/models/warehouse/*/*_0*.py")]
        # Staging models generate their rows, half of all.
        assert sum(LINEAGE in module.read_text() for module in modules) >= models / 2
    show(capsys, "Column lineage", rows)


def _generation(folder: Path, value: str) -> Callable[[], Cost]:
    """Generate anew. A cache of its own: that of another configuration is not believed."""

    def contender() -> Cost:
        shutil.rmtree(folder / "defs", ignore_errors=True)
        command = (*GENERATE, "--set", f"column_lineage={value}")
        return run(command, folder, {store.FOLDER: str(folder / f"cache-{value}")})

    return contender
