"""The generated package's import beside a bare `import dagster` and dg-sqlmesh's Definitions.

    pytest -m benchmark -s tests/benchmarks/test_import.py
    BENCHMARK_MODELS=100,1000,5000 pytest -m benchmark -s tests/benchmarks/test_import.py

The first table compares whole processes: an import, and nothing else (dg-sqlmesh with SQLMesh's
`.cache` warm). The second says where the package's time goes, as measured inside one process.
dg-sqlmesh gets BENCHMARK_TIMEOUT seconds (900).
Without .pyc files (PYTHONDONTWRITEBYTECODE in an image, say) every process compiles every module.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.contenders import BARE_CONTEXT, PYTHON, dg_sqlmesh, package_in, script
from benchmarks.measuring import (
    FailedError,
    alternately,
    median,
    patience,
    rounds,
    run,
    show,
    sizes,
)

pytestmark = pytest.mark.benchmark

PHASES = ("import dagster", "shim", "model modules", "definitions.py", "repository", "job")


def test_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    processes: list[list[object]] = [
        [
            *("models", "import dagster (s)", "package (s)", "difference (s)", "no .pyc (s)"),
            *("dagster (MB)", "package (MB)", "dg-sqlmesh (s)", "dg-sqlmesh (MB)"),
        ]
    ]
    phases: list[list[object]] = [["models", *(f"{name} (s)" for name in PHASES), "MB"]]
    for models in sizes("100,1000"):
        folder = package_in(tmp_path / str(models), models)
        processes.append([models, *_processes(folder)])
        parts = median([run((PYTHON, script("phases")), folder).report() for _ in range(rounds())])
        memory = parts["MB at the end"] - parts["MB after dagster"]
        phases.append([models, *(parts[name] for name in PHASES), f"+{memory:.0f}"])
    show(capsys, "Import, whole processes", processes)
    show(capsys, "Import, parts of it", phases)


def _processes(folder: Path) -> list[object]:
    package = (PYTHON, "-c", "import defs.definitions")
    rival = (dg_sqlmesh(), script("dg_sqlmesh_definitions"))
    for command in (package, BARE_CONTEXT):
        run(command, folder)  # byte code, and SQLMesh's cache
    bare = folder / "without-byte-code"
    shutil.copytree(folder / "defs", bare / "defs", ignore=shutil.ignore_patterns("__pycache__"))
    costs = alternately(
        {
            "dagster": lambda: run((PYTHON, "-c", "import dagster"), folder),
            "package": lambda: run(package, folder),
            "bare": lambda: run(package, bare, {"PYTHONDONTWRITEBYTECODE": "1"}),
        }
    )
    dagster, ours = costs["dagster"], costs["package"]
    return [
        *(dagster.seconds, ours.seconds, ours.seconds - dagster.seconds, costs["bare"].seconds),
        *(round(dagster.megabytes), round(ours.megabytes)),
        *_rival(rival, folder),
    ]


def _rival(command: Sequence[str | Path], folder: Path) -> list[object]:
    try:
        cost = run(command, folder, timeout=patience())
    except FailedError as error:
        return [str(error).splitlines()[0], ""]
    return [cost.seconds, round(cost.megabytes)]
