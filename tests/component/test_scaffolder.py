"""What `dg scaffold defs` leaves behind when it fails, and the starter project that it can make."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.component.scaffolder import (
    SQLMeshProjectParams,
    SQLMeshProjectScaffolder,
    write_starter_project,
)
from dg_sqlmesh_codegen.config.defs_yaml import COMPONENT
from dg_sqlmesh_codegen.errors import UsageError
from projects import model, write_project


def scaffold(
    root: Path, name: str, project: Path, form: Literal["yaml", "python"] = "yaml"
) -> None:
    """Scaffold a component in the `dg` project of the working directory."""
    (root / "dg.toml").write_text('[project]\nroot_module = "shop"\n', encoding="utf-8")
    folder = root / "shop" / "defs" / name
    folder.mkdir(parents=True, exist_ok=True)
    params = SQLMeshProjectParams(project_path=str(project))
    request = dg.ScaffoldRequest(COMPONENT, folder, form, root, params)
    SQLMeshProjectScaffolder().scaffold(request)


@pytest.mark.sqlmesh
def test_a_second_package_with_an_asset_in_common(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {f"models/{name}.sql": model(f"a.{name}") for name in ("one", "two")}
    project = write_project(tmp_path / "project", files)
    scaffold(tmp_path, "a", project)

    with pytest.raises(click.ClickException) as caught:
        scaffold(tmp_path, "b", project)

    defs, said = Path("shop/defs/b/defs.yaml"), caught.value.message
    assert "have the asset warehouse/a/one (and 1 more) in common." in said
    assert f"{defs} is written: add attributes to it, such as exclude:" in said
    assert "Then run: python -m dg_sqlmesh_codegen -o shop/defs/b. Until" in said
    for number, name in enumerate("ab"):
        with Path(f"shop/defs/{name}/defs.yaml").open("a", encoding="utf-8") as file:
            file.write(f"  exclude: a.{('one', 'two')[number]}\n")
    assert main(["-o", "shop/defs/a"]) == 0
    assert main(["-o", "shop/defs/b"]) == 0


@pytest.mark.sqlmesh
def test_a_project_that_cannot_be_loaded_leaves_nothing(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"models/a.sql": "SELECT"})
    with pytest.raises(click.ClickException, match=r"a\.sql"):
        scaffold(tmp_path, "a", project)
    assert not (tmp_path / "shop/defs/a").exists()


def test_a_failure_removes_only_a_folder_that_is_empty(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="the SQLMesh project folder does not exist"):
        scaffold(tmp_path, "a", tmp_path / "nowhere")
    assert not (tmp_path / "shop/defs/a").exists()

    file = tmp_path / "shop/defs/a/defs.yaml"
    file.parent.mkdir()
    file.write_text("type: shop.Other\n", encoding="utf-8")
    with pytest.raises(click.ClickException, match="Leave out --format and --append"):
        scaffold(tmp_path, "a", tmp_path, form="python")
    assert file.read_text(encoding="utf-8") == "type: shop.Other\n"


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
