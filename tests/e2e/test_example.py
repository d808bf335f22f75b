"""generated_example/run.py: what a newcomer sees when it succeeds, and when a step fails."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

STEP = re.compile(r"^([1-5])/5  (\S.*\S) +(\d+\.\d s|failed)$", re.MULTILINE)


@pytest.fixture
def script(root: Path, tmp_path: Path) -> Path:
    """The script in a copy of the example: it writes the package, and SQLMesh its cache."""
    example = tmp_path / "example"
    ignored = shutil.ignore_patterns(".cache", "__pycache__", "*.png")
    shutil.copytree(root / "generated_example", example, ignore=ignored)
    return example / "run.py"


def run(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False
    )


def test_five_steps_the_table_and_what_to_do_next(script: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    done = run(script, folder)

    assert (done.returncode, done.stderr) == (0, "")
    steps, table, log, ui = done.stdout.strip().split("\n\n")
    assert [found[1] for found in STEP.finditer(steps)] == ["1", "2", "3", "4", "5"]
    assert len(steps.splitlines()) == 5
    assert "sqlmesh_job: SUCCESS" in table
    assert re.search(r"shop/marts/daily_revenue +│ evaluated │ 2 ", table)
    assert re.search(r"shop/raw/countries +│ not due ", table)
    assert log == f"Log of all steps: {folder}/run.log"
    details = (folder / "run.log").read_text(encoding="utf-8")
    assert "RUN_SUCCESS" in details
    # Neither a warning nor a line that looks like one.
    assert not re.search(r"warning|did not yield", details, re.IGNORECASE)
    assert ui.startswith("Next, see the same assets in Dagster's UI:\n")
    assert ui.endswith("dg dev -m defs.definitions")


def test_a_step_that_fails(script: Path, tmp_path: Path) -> None:
    (tmp_path / "shop.duckdb").write_text("not a database", encoding="utf-8")
    done = run(script, tmp_path)

    assert done.returncode == 1
    assert [found[3] for found in STEP.finditer(done.stdout)] == ["failed"]
    last, command = done.stderr.strip().rsplit("\n\n", maxsplit=1)
    assert "it is not a valid DuckDB database file!" in last
    assert len(last.splitlines()) <= 15
    assert command == (f"This command failed: python shop/load_sources.py\nLog: {tmp_path}/run.log")
