"""What a project's Python can ask while its models are rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache.before import Before
from dg_sqlmesh_codegen.cache.purity import may_hide
from dg_sqlmesh_codegen.config.model import Config
from projects import write_project

MACRO = """
import re
from typing import Any

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

from .helper import one
from lib.more import two
"""
PURE = {"macros/a.py": MACRO, "macros/helper.py": "one = 1", "lib/more.py": "two = 2"}


def hides(folder: Path, **files: str) -> bool:
    project = write_project(folder / "project", {**PURE, **files})
    return may_hide(Before.of(Config((project,), folder / "defs"), []))


def test_plain_computation_hides_nothing(tmp_path: Path) -> None:
    assert not hides(tmp_path)


def test_python_models_are_run_by_no_load(tmp_path: Path) -> None:
    assert not hides(tmp_path, **{"models/a.py": "import os, requests"})


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "from pathlib import Path",
        "def late():\n    import requests.sessions",
        "def read(evaluator):\n    return open('x').read()",
        "getattr(__import__('os'), 'environ')",
        "this is: no Python",
    ],
)
def test_what_reaches_out_may_hide_something(text: str, tmp_path: Path) -> None:
    assert hides(tmp_path, **{"lib/more.py": text})


def test_dbt_may_ask_for_variables_anywhere(tmp_path: Path) -> None:
    assert hides(tmp_path, **{"dbt_project.yml": "name: x"})
