"""How long a run takes that finds nothing changed."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.large_project import write_large_project
from dg_sqlmesh_codegen.cache import store
from dg_sqlmesh_codegen.cli.app import main

pytestmark = pytest.mark.benchmark

ROUNDS = 5


def figures(command: list[str], folder: Path) -> tuple[float, float]:
    """Return the seconds on the wall and on the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    seconds, after = (
        time.perf_counter() - started,
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize("models", [10, 1000])
def test_nothing_changed(
    models: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "records"))
    monkeypatch.chdir(tmp_path)
    write_large_project(tmp_path / "project", models)
    generate = [sys.executable, "-m", "dg_sqlmesh_codegen", "project", "-o", "defs"]
    full, _ = figures(generate, tmp_path)
    lines = [f"{models} models: full run, all cold, {full:.1f} s"]
    for flags in ([], ["--check"]):
        taken = [figures([*generate, *flags], tmp_path) for _ in range(ROUNDS)]
        wall, processor = (statistics.median(column) for column in zip(*taken, strict=True))
        name = " ".join(flags) or "again"
        lines.append(f"  {name}: {wall:.2f} s ({processor:.2f} s of processor time)")
    assert main(["project", "-o", "defs", "--check", "--no-cache", "-q"]) == 0
    with capsys.disabled():
        print("\n" + "\n".join(lines))  # noqa: T201 - a benchmark's result is what it prints
