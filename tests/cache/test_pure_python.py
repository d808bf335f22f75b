"""Which Python only computes."""

from __future__ import annotations

import ast

import pytest

from dg_sqlmesh_codegen.cache.pure_python import is_pure, without_bodies

PURE = [
    "from sqlmesh import macro\n@macro()\ndef one(evaluator, x):\n    return f'{x} + 1'",
    "from sqlglot import exp\ndef f(e):\n    return [n for n in e.walk() if n.find(exp.Column)]",
    "import re\nimport json\nX = json.dumps(re.match('a', 'a').group(0))",
    "from pathlib import Path\nDATABASE = Path(__file__).parent / 'warehouse.duckdb'",
    "from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig\n"
    "config = Config(gateways={'a': GatewayConfig(connection=DuckDBConnectionConfig())})",
    "from .helpers import number\nfrom shop.names import NAME\nX = number(NAME)",
    "def f(evaluator):\n    return evaluator.locals.get('x')",
    "import datetime\nSTART = datetime.date(2026, 1, 1)",
]
IMPURE = [
    "import os\nX = os.environ['X']",
    "import requests",
    "import duckdb",
    "import importlib",
    "from sqlmesh import Context\nContext(paths='.')",
    "from sqlmesh.utils.date import now\nX = now()",
    "import sqlmesh.core.context",
    "from elsewhere import *",
    "from re import *",
    "X = open('x').read()",
    "X = eval('1')",
    "X = __import__('os').environ",
    "X = __builtins__['open']",
    "X = getattr(object, 'x')",
    "from pathlib import Path\nX = Path('x').read_text()",
    "from pathlib import Path\nX = Path('x').exists()",
    "from pathlib import Path\nX = list(Path('x').walk())",
    "from pathlib import Path\nX = Path.cwd()",
    "import datetime\nX = datetime.datetime.now()",
    "from datetime import date\nX = date.today()",
    "def f(evaluator):\n    return evaluator.engine_adapter.fetchone('SELECT 1')",
    "X = ().__class__.__subclasses__()",
]


def pure(code: str) -> bool:
    return is_pure(ast.parse(code), {"shop"})


@pytest.mark.parametrize("code", PURE)
def test_code_that_only_computes(code: str) -> None:
    assert pure(code)


@pytest.mark.parametrize("code", IMPURE)
def test_code_that_may_read_something(code: str) -> None:
    assert not pure(code)


MODEL = """
import pandas as pd
from sqlmesh import ExecutionContext, model
from shop.names import NAME

COLUMNS = {"id": "int"}


def helper():
    return open("anything")


@model(NAME, columns=COLUMNS)
def execute(context: ExecutionContext, start=None, **kwargs) -> pd.DataFrame:
    return pd.read_csv(helper())
"""


def test_the_body_of_a_python_model_is_not_run_by_a_load() -> None:
    reduced = without_bodies(ast.parse(MODEL), {"shop"})
    assert is_pure(reduced, {"shop"})
    assert not pure(MODEL)


@pytest.mark.parametrize(
    "change",
    [
        ("columns=COLUMNS", "columns=helper()"),
        ("columns=COLUMNS", "columns=pd.COLUMNS"),
        ("start=None", "start=pd.Timestamp(0)"),
        ('{"id": "int"}', "helper()"),
    ],
)
def test_a_python_model_that_needs_more_to_be_imported(change: tuple[str, str]) -> None:
    code = MODEL.replace(*change)
    assert code != MODEL
    assert not is_pure(without_bodies(ast.parse(code), {"shop"}), {"shop"})


def test_the_class_body_and_the_default_of_a_python_model_are_run() -> None:
    for change in ("start=open('x')", "start=None, *, end=open('x')"):
        reduced = without_bodies(ast.parse(MODEL.replace("start=None", change)), {"shop"})
        assert not is_pure(reduced, {"shop"})
