"""Generation beside a bare `Context(paths)` load of the same project, whole processes.

    pytest -m benchmark -s tests/benchmarks/test_generation.py
    BENCHMARK_MODELS=10,100,1000,3000 BENCHMARK_ROUNDS=1 pytest -m benchmark -s ...

"cold" is without SQLMesh's `.cache`, "warm" with it. A full generation writes every file: it finds
neither an output folder nor a record of earlier generations.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.contenders import BARE_CONTEXT, GENERATE, project_in
from benchmarks.measuring import Cost, alternately, run, show, sizes
from dg_sqlmesh_codegen.cache import store

pytestmark = pytest.mark.benchmark


def test_generation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[object]] = [
        ["models", ".cache", "Context (s)", "generate (s)", "ratio", "unchanged (s)", "--check (s)"]
    ]
    for models in sizes("10,100"):
        folder = project_in(tmp_path / str(models), models)
        rows += [[models, state, *_measured(folder, state)] for state in ("cold", "warm")]
        assert len(list(folder.glob("defs/models/warehouse/*/*_0*.py"))) == models
    show(capsys, "Generation", rows)


def _measured(folder: Path, state: str) -> list[object]:
    full = alternately(
        {
            "context": _prepared(folder, state, lambda: run(BARE_CONTEXT, folder)),
            "generate": _prepared(folder, state, lambda: run(GENERATE, folder, _records(folder))),
        }
    )
    context, generate = full["context"].seconds, full["generate"].seconds
    again = alternately(
        {
            "unchanged": lambda: run(GENERATE, folder, _records(folder)),
            "check": lambda: run((*GENERATE, "--check"), folder, _records(folder)),
        }
    )
    return [
        context,
        generate,
        generate / context,
        again["unchanged"].seconds,
        again["check"].seconds,
    ]


def _prepared(folder: Path, state: str, contender: Callable[[], Cost]) -> Callable[[], Cost]:
    def measured() -> Cost:
        if state == "cold":
            shutil.rmtree(folder / "project" / ".cache", ignore_errors=True)
        shutil.rmtree(folder / "defs", ignore_errors=True)
        shutil.rmtree(folder / "user-cache", ignore_errors=True)
        return contender()

    contender()  # byte code, and SQLMesh's cache
    return measured


def _records(folder: Path) -> dict[str, str]:
    """Keep the records of earlier generations in the test's folder, where they are removed."""
    return {store.FOLDER: str(folder / "user-cache")}
