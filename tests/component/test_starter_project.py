"""The starter project plans and runs as it is, from any working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.component.scaffolder import write_starter_project
from dg_sqlmesh_codegen.errors import UsageError


@pytest.mark.sqlmesh
def test_plans_and_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlmesh import Context  # noqa: PLC0415 - the other tests do not need it

    project = tmp_path / "new" / "project"
    write_starter_project(project)
    monkeypatch.chdir("/")

    context = Context(paths=[str(project)])
    try:
        context.plan(auto_apply=True, no_prompts=True)
        assert not context.run(ignore_cron=True).is_failure
        counted = context.fetchdf("SELECT * FROM starter.cities_per_country ORDER BY 1")
    finally:
        context.close()
    assert {"Austria", "Portugal"} <= set(counted.iloc[:, 0])
    assert (project / "warehouse.duckdb").is_file()


def test_goes_into_an_empty_folder(tmp_path: Path) -> None:
    write_starter_project(tmp_path)
    assert (tmp_path / "config.py").is_file()


def test_leaves_a_folder_alone_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty, so no SQLMesh project is created there"):
        write_starter_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_leaves_a_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        write_starter_project(file)
    assert file.read_text() == "mine"
