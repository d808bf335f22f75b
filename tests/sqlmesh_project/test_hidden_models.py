"""Several projects: the order in which they are named decides which models are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Source
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh


def test_a_warning_names_every_model_that_another_project_hides(tmp_path: Path) -> None:
    declared = "".join(f"- name: s.{name}\n  columns: {{id: int}}\n" for name in ("a", "b", "z"))
    files = {
        "upstream": {f"models/{name}.sql": model(f"s.{name}", kind="FULL") for name in "abc"},
        "downstream": {
            "external_models.yaml": declared,
            "models/c.sql": model("s.c", kind="FULL"),
            "models/d.sql": model("s.d", "SELECT id FROM s.a", kind="FULL"),
        },
    }
    folders = [write_project(tmp_path / name, each) for name, each in files.items()]

    found = describe.inspect(Source(tuple(folders)))
    assert [each.view_name for each in found.models] == ["c", "d"]
    assert [*found.warnings] == [
        "models of the project upstream are hidden, because downstream has models of these names: "
        "warehouse.s.c. Rename them in one of the projects.",
        "models of the project upstream are hidden, because downstream declares them as external "
        "tables: warehouse.s.a, warehouse.s.b. Name downstream before upstream.",
    ]

    other = describe.inspect(Source(tuple(folders[::-1])))
    assert [each.view_name for each in other.models] == ["a", "b", "c", "d"]
    assert [text for text in other.warnings if "declares" in text] == []
    assert other.paths == tuple(folders[::-1])
    a, *_, d = other.models
    assert d.depends_on == (a.fqn,)
