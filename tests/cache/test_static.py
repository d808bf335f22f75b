"""Which Python only computes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache.static import Project, Unknowable, environment_variables

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
    "import os\nX = os.environb[b'X']",
    "import requests",
    "import duckdb",
    "import importlib",
    "import pathlib\nX = pathlib.os.environ['X']",
    "from pathlib import os\nX = os.environ['X']",
    "import dataclasses\nX = dataclasses.sys.modules",
    "import operator\nimport pathlib\nX = operator.attrgetter('os.environ')(pathlib)",
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


def is_known(code: str, path: str = "macros/a.py") -> bool:
    root = Path("/project")
    helpers = {root / "shop/names.py": "NAME = 'a.b'\n", root / path: code}
    try:
        return environment_variables(Project(root, helpers)) == set()
    except Unknowable:
        return False


@pytest.mark.parametrize("code", PURE)
def test_code_that_only_computes(code: str) -> None:
    assert is_known(code)


@pytest.mark.parametrize("code", IMPURE)
@pytest.mark.parametrize("path", ["macros/a.py", "config.py", "models/deep/is_sql.py"])
def test_code_that_may_read_something(code: str, path: str) -> None:
    assert not is_known(f"is_sql = True\n{code}", path)


def test_python_that_nothing_imports_does_not_count() -> None:
    assert is_known("import os", "scripts/load.py")
    assert not is_known("import os", "macros/a.py")


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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import pandas as pd", "from pandas import *"),
        ("columns=COLUMNS", "columns=helper()"),
        ("columns=COLUMNS", "columns=pd.COLUMNS"),
        ("columns=COLUMNS", "is_sql=True"),
        ("start=None", "start=pd.Timestamp(0)"),
        ("start=None", "start=open('x')"),
        ("start=None", "start=None, *, end=open('x')"),
        ('{"id": "int"}', "helper()"),
    ],
)
def test_a_load_runs_all_of_a_python_model_but_the_body(old: str, new: str) -> None:
    assert is_known(MODEL, "models/a.py")
    assert not is_known(MODEL, "macros/a.py")
    assert old in MODEL
    assert not is_known(MODEL.replace(old, new), "models/a.py")
