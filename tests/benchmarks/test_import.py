"""How long a generated package takes to import, beside a bare `import dagster`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli import main
from projects import write_project

pytestmark = pytest.mark.benchmark

ROUNDS = 5
MODEL = """
MODEL (
  name s{schema}.m{number}, kind FULL, owner analytics, tags (finance), grain id,
  description 'Model number {number}',
  audits (not_null(columns := (id)), unique_values(columns := (id)))
);
SELECT {columns} FROM {source}
"""


def chain(folder: Path, models: int) -> Path:
    """Write a project of models with ten columns and two audits that read one another."""
    columns = ", ".join(f"c{column}::INT AS c{column}" for column in range(9))
    files = {}
    for number in range(models):
        source = f"s{(number - 1) % 10}.m{number - 1}" if number else "raw.source"
        files[f"models/m{number}.sql"] = MODEL.format(
            schema=number % 10, number=number, columns=f"id::INT AS id, {columns}", source=source
        )
    return write_project(folder, files)


def seconds(code: str, folder: Path) -> float:
    # Byte code is compiled once per deployment, not at each start.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    return time.perf_counter() - started


@pytest.mark.parametrize("models", [100, 1000])
def test_import(models: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = chain(tmp_path / "project", models)
    assert main([str(project), "-o", str(tmp_path / "defs"), "-q"]) == 0
    codes = {"dagster": "import dagster", "package": "import defs.definitions"}
    measured: dict[str, list[float]] = {name: [] for name in codes}
    for name, code in codes.items():
        seconds(code, tmp_path)  # byte code and the disk's cache
        measured[name].clear()
    for _ in range(ROUNDS):
        for name, code in codes.items():
            measured[name].append(seconds(code, tmp_path))
    dagster, package = (statistics.median(measured[name]) for name in ("dagster", "package"))
    with capsys.disabled():
        print(  # noqa: T201 - a benchmark's result is what it prints
            f"\n{models} models: import dagster {dagster:.2f} s, the package {package:.2f} s, "
            f"ratio {package / dagster:.2f}"
        )
