"""A working directory of one folder, and records in place of a loaded project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from builders import external, fqn, model, project

TRANSLATORS = """
from dg_sqlmesh_codegen import SQLMeshTranslator

class Fails(SQLMeshTranslator):
    def __init__(self):
        raise ValueError("no rules")

class Wants(SQLMeshTranslator):
    def __init__(self, rules):
        self.rules = rules

class Stranger:
    pass

function = len
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder `shop`, which is the working directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, whose modules `shop_*` are forgotten before and after the test."""
    for name in ("shop_layers", "shop_broken", "shop_leaves"):
        # Noted first as missing, so that whatever the test imports is removed again.
        monkeypatch.setitem(sys.modules, name, sys)
        monkeypatch.delitem(sys.modules, name)
    (folder / "shop_layers.py").write_text(TRANSLATORS, encoding="utf-8")
    (folder / "shop_broken.py").write_text("1 / 0", encoding="utf-8")
    (folder / "shop_leaves.py").write_text("raise SystemExit(3)", encoding="utf-8")
    return folder


@pytest.fixture
def inspected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of two models that read two external tables, without SQLMesh."""
    reads = (fqn("raw.main.orders"), fqn("raw.other.orders"))
    found = project(
        model("shop.sales.orders", depends_on=reads),
        model("shop.sales.items"),
        external_tables=(external("raw.main.orders"), external("raw.other.orders")),
    )
    monkeypatch.setattr(
        "dg_sqlmesh_codegen.sqlmesh_project.describe.inspect", lambda source, fresh: found
    )
