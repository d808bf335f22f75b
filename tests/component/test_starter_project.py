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


def test_leaves_alone_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("mine")
    for folder in (tmp_path, file):
        with pytest.raises(UsageError, match="is not empty, so no SQLMesh project is created"):
            write_starter_project(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert file.read_text() == "mine"
