"""The starter project plans and runs as it is, from any working directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.component import starter_project
from dg_sqlmesh_codegen.errors import UsageError

SQLMESH = str(Path(sys.executable).parent / "sqlmesh")


def sqlmesh(project: Path, *arguments: str) -> str:
    command = [SQLMESH, "-p", str(project), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.process
def test_plans_and_runs_as_it_is(tmp_path: Path) -> None:
    project = tmp_path / "new" / "project"
    starter_project.write(project)

    sqlmesh(project, "plan", "--auto-apply", "--no-prompts")
    sqlmesh(project, "run", "--ignore-cron")

    counted = sqlmesh(project, "fetchdf", "SELECT * FROM starter.cities_per_country ORDER BY 1")
    assert "Austria" in counted
    assert "Portugal" in counted
    assert (project / "warehouse.duckdb").is_file()


def test_goes_into_an_empty_folder(tmp_path: Path) -> None:
    starter_project.write(tmp_path)
    assert (tmp_path / "config.py").is_file()


def test_leaves_a_folder_alone_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty, so no SQLMesh project is made there"):
        starter_project.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_leaves_a_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        starter_project.write(file)
    assert file.read_text() == "mine"
