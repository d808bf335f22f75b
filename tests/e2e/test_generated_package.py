"""The generated package as Dagster and its reviewers meet it."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path

import dagster as dg
import pytest

from e2e.shop import Shop, run

pytestmark = pytest.mark.process


def python(code: str, folder: Path, **environment: str) -> str:
    return run([sys.executable, "-c", code], folder, **environment).stdout


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}


def test_importing_it_loads_no_sqlmesh(root: Path) -> None:
    code = (
        "import json, sys; import defs.definitions;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = json.loads(python(code, root / "generated_example"))

    assert "dagster" in loaded
    assert not {"sqlmesh", "sqlglot", "black", "jinja2"} & set(loaded)


def test_the_same_bytes_in_another_folder_under_another_hash_seed(
    root: Path, tmp_path: Path
) -> None:
    trees = []
    for seed in ("0", "4711"):
        folder = tmp_path / f"at-{seed}" / "deeper"
        shutil.copytree(root / "generated_example" / "shop", folder / "shop")
        code = (
            "from dg_sqlmesh_codegen.cli import main;"
            "raise SystemExit(main(['shop', '-o', 'defs', '-q']))"
        )
        python(code, folder, PYTHONHASHSEED=seed)
        trees.append(tree(folder / "defs"))

    assert trees[0] == trees[1]
    assert len(trees[0]) > 13
    # And they are the ones that are checked in.
    assert trees[0] == tree(root / "generated_example" / "defs")


def test_nothing_of_the_machine_is_in_it(root: Path) -> None:
    text = b"".join(tree(root / "generated_example" / "defs").values()).decode()

    assert str(root) not in text
    assert "shop.duckdb" not in text


DG_PROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "project"\n'


# Dagster deprecates `load_defs`; packages that use it still load.
@pytest.mark.filterwarnings("ignore:.*load_defs.*:DeprecationWarning")
def test_every_way_to_load_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a module, by `load_defs`, and by `load_from_defs_folder` in a project of `dg`."""
    package = importlib.import_module(shop.package.name)
    folder = shop.folder / "project" / "src" / "project" / "defs" / "shop"
    shutil.copytree(shop.package, folder)
    for init in (folder.parent, folder.parent.parent):
        (init / "__init__.py").touch()
    (shop.folder / "project" / "pyproject.toml").write_text(DG_PROJECT, encoding="utf-8")
    monkeypatch.syspath_prepend(str(shop.folder / "project" / "src"))

    for defs in (
        shop.definitions().defs,
        dg.load_defs(package, project_root=shop.folder),
        dg.load_from_defs_folder(path_within_project=shop.folder / "project"),
    ):
        assert defs.resolve_job_def("sqlmesh_job")
        assert len(defs.resolve_asset_graph().materializable_asset_keys) == 13
        assert [each.name for each in defs.schedules or []] == ["sqlmesh_adaptive_schedule"]


def test_dependencies_and_groups_are_in_the_graph(shop: Shop) -> None:
    graph = shop.definitions().defs.resolve_asset_graph()
    edges = {
        (parent.to_user_string(), key.to_user_string())
        for key in graph.materializable_asset_keys
        for parent in graph.get(key).parent_keys
    }

    assert ("shop/source/orders", "shop/staging/orders") in edges
    assert ("shop/staging/customers", "shop/marts/mailing_list") in edges
    # Through the embedded model `staging.order_lines`, which is no asset itself.
    assert ("shop/staging/order_items", "shop/marts/daily_revenue") in edges
    assert not [edge for edge in edges if "shop/staging/order_lines" in edge]
    groups = {graph.get(key).group_name for key in graph.materializable_asset_keys}
    assert groups == {"raw", "staging", "marts", "live"}


def test_the_pool_and_the_tag_that_hold_runs_back(shop: Shop) -> None:
    defs = shop.definitions().defs

    job = defs.resolve_job_def("sqlmesh_job")
    assert job.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"
    assert shop.definitions().sqlmesh_models.op.pool == "sqlmesh_jobs_exclusive"
