"""The line of a model in its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.sqlmesh_project.source_lines import line_of
from projects import write

TWO = """
-- About both.
MODEL (name s.first, kind FULL);
SELECT id FROM s.second;

model (
  name s.second,
  kind FULL,
);
SELECT 1 AS id
"""
PYTHON = """
from sqlmesh import model

@model(
    "s.first",
    columns={"id": "int"},
)
def first(context, **kwargs):
    return context.table("s.second")

@model("s.second", columns={"id": "int"})
def second(context, **kwargs): ...
"""


@pytest.mark.parametrize(
    ("file", "text", "name", "line"),
    [
        ("a.sql", TWO, "first", 2),
        ("a.sql", TWO, "SECOND", 5),
        ("a.sql", TWO, "made_by_a_blueprint", 2),
        ("a.py", PYTHON, "first", 3),
        ("a.py", PYTHON, "second", 10),
        ("dbt.sql", "{{ config(materialized='table') }} SELECT 1 AS id", "dbt", None),
        ("seed.csv", "id", "seed", None),
    ],
)
def test_a_line(tmp_path: Path, file: str, text: str, name: str, line: int | None) -> None:
    assert line_of(write(tmp_path, {file: text}) / file, name) == line


def test_no_file(tmp_path: Path) -> None:
    assert line_of(None, "a") is None
    assert line_of(tmp_path / "gone.sql", "a") is None
