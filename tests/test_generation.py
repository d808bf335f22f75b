"""What the project's own code finds while its package is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.generation import render_project
from projects import DUCKDB, model, write_project

pytestmark = pytest.mark.sqlmesh

BLUEPRINT = """
import os
import typing as t
from sqlmesh import ExecutionContext, model

@model(
    "s_@{suffix}.b",
    blueprints=[{"suffix": os.environ.get("COUNTRY", "none")}],
    columns={"id": "int"},
    kind="FULL",
)
def run(context: ExecutionContext, **kwargs: t.Any) -> None:
    return None
"""
TRANSLATOR = """
import os
from dg_sqlmesh_codegen import SQLMeshTranslator

COUNTRY = os.environ["COUNTRY"]

class Beside(SQLMeshTranslator):
    def get_group_name(self, context, model):
        from lib_beside import PREFIX
        return PREFIX + COUNTRY + os.environ["COUNTRY"]
"""


def test_an_env_file_and_modules_beside_the_translator(tmp_path: Path) -> None:
    """0.1.0 forgot the .env file before models and translator were loaded."""
    files = {
        ".env": "COUNTRY=fr\nSQLMESH__DEFAULT_GATEWAY=two\n",
        "models/b.py": BLUEPRINT,
        "models/a.sql": model("s.a"),
        "beside_translator.py": TRANSLATOR,
        "lib_beside.py": "PREFIX = 'in_'\n",
    }
    more = "gateways:\n  two:\n    connection: {type: duckdb, database: two.db}"
    config = DUCKDB.replace("gateways:", more)
    project = write_project(tmp_path / "project", files, config=config)
    before = dict(os.environ)
    made = Config(
        projects=(project,),
        out=tmp_path / "defs",
        translator="beside_translator:Beside",
        root=project,
    )
    texts = {str(file.path): file.text for file in render_project(made, print, None).files}

    assert 'group_name="in_frfr"' in texts["models/two/s_fr/b.py"]
    assert "models/two/s/a.py" in texts
    assert dict(os.environ) == before
