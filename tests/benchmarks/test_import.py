"""The generated package's import beside a bare `import dagster`; for dg-sqlmesh see load_times.

    pytest -m benchmark -s tests/benchmarks/test_import.py
    BENCHMARK_MODELS=100,1000,5000 pytest -m benchmark -s tests/benchmarks/test_import.py

Whole processes that import and do nothing else.
Without .pyc files (PYTHONDONTWRITEBYTECODE in an image, say) every process compiles every module.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.contenders import PYTHON, package_in
from benchmarks.measuring import alternately, run, show, sizes

pytestmark = pytest.mark.benchmark


def test_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[list[object]] = [
        [
            *("models", "import dagster (s)", "package (s)", "difference (s)", "no .pyc (s)"),
            *("dagster (MB)", "package (MB)"),
        ]
    ]
    for models in sizes("100,1000"):
        rows.append([models, *_measured(package_in(tmp_path / str(models), models))])
    show(capsys, "Import, whole processes", rows)


def _measured(folder: Path) -> list[object]:
    package = (PYTHON, "-c", "import defs.definitions")
    run(package, folder)  # byte code
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
    ]
