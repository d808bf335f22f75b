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
MODULES = {
    "shop_layers": TRANSLATORS,
    "shop_broken": "1 / 0",
    "shop_leaves": "raise SystemExit(3)",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a folder `shop` and modules `shop_*`, which is the working directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "shop").mkdir()
    for name, text in MODULES.items():
        # Noted first as missing, so that whatever the test imports is removed again.
        monkeypatch.setitem(sys.modules, name, sys)
        monkeypatch.delitem(sys.modules, name)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
