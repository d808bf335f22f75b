"""Generation beside a bare `Context(paths)` load of the same project, whole processes.

    pytest -m benchmark -s tests/benchmarks/test_generation.py
    BENCHMARK_MODELS=10,100,1000,3000 BENCHMARK_ROUNDS=1 pytest -m benchmark -s ...

"cold" is without SQLMesh's cache of parsed models: its own for `Context`, ours for a generation. A
cold or warm generation writes every file. With column lineage, every column is traced.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.contenders import BARE_CONTEXT, GENERATE, project_in
from benchmarks.measuring import Cost, alternately, run, show, sizes
from dg_sqlmesh_codegen.cache import store

pytestmark = pytest.mark.benchmark

LINEAGE = "dagster/column_lineage"
TRACE = (*GENERATE, "--set", "column_lineage=true")


def test_generation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[object]] = []
    for models in sizes("10,100"):
        folder = project_in(tmp_path / str(models), models)
        run(TRACE, folder, {store.FOLDER: str(folder / "lineage-cache")})
        # Staging models generate their rows, half of all.
        modules = folder.glob("defs/models/warehouse/*/*_0*.py")
        assert sum(LINEAGE in module.read_text() for module in modules) >= models / 2
        costs = alternately(_contenders(folder))
        rows = rows or [["models", *(f"{name} (s)" for name in costs)]]
        rows.append([models, *(cost.seconds for cost in costs.values())])
        assert len(list(folder.glob("defs/models/warehouse/*/*_0*.py"))) == models
    show(capsys, "Generation", rows)


def _contenders(folder: Path) -> dict[str, Callable[[], Cost]]:
    def measured(
        command: Sequence[str], *removed: str, cache: str = "user-cache"
    ) -> Callable[[], Cost]:
        def contender() -> Cost:
            for path in removed:
                shutil.rmtree(folder / path, ignore_errors=True)
            return run(command, folder, {store.FOLDER: str(folder / cache)})

        return contender

    return {
        "Context, cold": measured(BARE_CONTEXT, "project/.cache"),
        "Context, warm": measured(BARE_CONTEXT),
        "generate, cold": measured(GENERATE, "defs", "user-cache"),
        "generate, warm": measured(GENERATE, "defs"),
        "unchanged": measured(GENERATE),
        "--check": measured((*GENERATE, "--check")),
        # With a cache of its own: that of another configuration is not believed.
        "with column lineage, warm": measured(TRACE, "defs", cache="lineage-cache"),
    }
