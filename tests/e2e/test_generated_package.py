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


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}


def test_importing_it_loads_no_sqlmesh(root: Path) -> None:
    code = (
        "import json, sys; import defs.definitions;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = json.loads(run([sys.executable, "-c", code], root / "generated_example").stdout)

    assert "dagster" in loaded
    assert not {"sqlmesh", "sqlglot", "black", "jinja2"} & set(loaded)


def test_the_same_bytes_in_another_folder_under_another_hash_seed(
    root: Path, tmp_path: Path
) -> None:
    checked_in = tree(root / "generated_example" / "defs")
    command = [sys.executable, "-m", "dg_sqlmesh_codegen", "shop", "-o", "defs", "-q"]
    for seed in ("0", "4711"):
        folder = tmp_path / f"at-{seed}" / "deeper"
        shutil.copytree(root / "generated_example" / "shop", folder / "shop")
        run(command, folder, PYTHONHASHSEED=seed)
        assert tree(folder / "defs") == checked_in
    text = b"".join(checked_in.values()).decode()
    assert str(root) not in text
    assert "shop.duckdb" not in text


DG_PROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "project"\n'


# Dagster deprecates `load_defs`; packages that use it still load. And `project_root`, which is the
# only name that 1.11 has for it.
@pytest.mark.filterwarnings("ignore:.*(load_defs|project_root).*:DeprecationWarning")
def test_every_way_to_load_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a module, by `load_defs`, and by `load_from_defs_folder` in a project of `dg`."""
    folder = shop.folder / "project" / "src" / "project" / "defs" / "shop"
    shutil.copytree(shop.package, folder)
    for init in (folder.parent, folder.parent.parent):
        (init / "__init__.py").touch()
    (shop.folder / "project" / "pyproject.toml").write_text(DG_PROJECT, encoding="utf-8")
    monkeypatch.syspath_prepend(str(shop.folder / "project" / "src"))
    project = importlib.import_module("project.defs")

    for defs in (
        shop.definitions().defs,
        # Of the folder above: with a definitions.py in it, `load_defs` fails in 1.11 and 1.12.
        dg.load_defs(project, project_root=shop.folder / "project"),
        dg.load_from_defs_folder(project_root=shop.folder / "project"),
    ):
        assert defs.resolve_job_def("sqlmesh_job")
        assert len(defs.resolve_asset_graph().materializable_asset_keys) == 13
        assert [each.name for each in defs.schedules or []] == ["sqlmesh_adaptive_schedule"]
