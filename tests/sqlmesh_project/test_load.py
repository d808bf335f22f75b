"""What a person is told about a project that cannot be loaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Source
from projects import DUCKDB, model, write_project

pytestmark = pytest.mark.sqlmesh

# The files of a project, and what the error has to hold.
BROKEN = {
    "a syntax error": (
        {"models/a.sql": "MODEL (name s.a);\nSELECT 1 AS id,\nFROM WHERE"},
        ["models/a.sql", "Line 3, Col: 10"],
    ),
    "a name that stands there twice": (
        {"models/a.sql": model("s.a"), "models/b.sql": model("s.a")},
        ["models/", "Duplicate SQL model name: 's.a'"],
    ),
    "a cycle": (
        {
            "models/a.sql": model("s.a", "SELECT id FROM s.b", kind="FULL"),
            "models/b.sql": model("s.b", "SELECT id FROM s.a", kind="FULL"),
        },
        ["cycle in the DAG", '"s"."a"', '"s"."b"'],
    ),
    "an audit that does not exist": (
        {"models/a.sql": model("s.a", audits="(nothing_like_it)")},
        ["models/a.sql", "Audit 'nothing_like_it' is undefined"],
    ),
    "a python model that raises": (
        {"models/a.py": "raise RuntimeError('no luck')\n"},
        ["models/a.py", "no luck"],
    ),
    "a python model whose import is missing": (
        {"models/a.py": "import nothing_of_that_name\n"},
        ["models/a.py", "No module named 'nothing_of_that_name'"],
    ),
    "a property that does not exist": (
        {"models/a.sql": model("s.a", kindd="FULL")},
        ["models/a.sql", "'kindd'. Did you mean 'kind'?"],
    ),
    "a seed that is missing": (
        {"models/a.sql": model("s.a", kind="SEED (path '../nope.csv')", query="")},
        ["models/a.sql", "No such file or directory"],
    ),
    "a macro that does not exist": (
        {"models/a.sql": model("s.a", "SELECT @nope(1) AS id")},
        ["models/a.sql", "Macro 'nope' does not exist"],
    ),
    "all that is missing": (
        {
            "models/a.sql": model("s.a", kind="SEED (path '../one.csv')", query=""),
            "models/b.sql": model("s.b", kind="SEED (path '$root/two.csv')", query=""),
            "macros/a.py": "import own, requests_of_nobody\nfrom . import b\n",
            "macros/b.py": "try:\n    import another_of_nobody.deep\nexcept Exception:\n    pass\n",
            "own.py": "def later():\n    import never\n",
            "models/c.py": "import os\nX = os.environ['UNSET_ONE'] + os.environ['UNSET_TWO']\n",
        },
        [
            "Missing: the package requests_of_nobody (macros/a.py), the package another_of_nobody",
            "(macros/b.py), the environment variable UNSET_ONE (models/c.py), the environment",
            "variable UNSET_TWO (models/c.py), the seed file ../one.csv (models/a.sql), the seed",
            "file $root/two.csv (models/b.sql).",
        ],
    ),
    "a name that is too long": (
        {f"models/{x}.sql": model(f"s.{x}{'x' * 250}", "SELECT id FROM t") for x in "ab"},
        ["File name too long", "__s_", "Shorten the name of this model"],
    ),
    "what dbt needs": (
        {"models/a.py": "raise ModuleNotFoundError(\"No module named 'agate'\")\n"},
        ["No module named 'agate'", 'Run `pip install "sqlmesh[dbt]"`.'],
    ),
    "a query while loading": (
        {
            "macros/ask.py": "from sqlmesh import macro\n@macro()\ndef ask(evaluator):\n"
            "    return evaluator.engine_adapter.fetchone('SELECT 1')\n",
            "models/a.sql": model("s.a", "SELECT @ask() AS id"),
        },
        ["engine adapter is not available while models are load"],
    ),
    "a cron that is none": (
        {"models/a.sql": model("s.a", cron="'every now and then'")},
        ["models/a.sql", "Invalid cron expression 'every now and then'"],
    ),
}
CONFIGS = {
    "a gateway that is not there": (
        f"{DUCKDB}default_gateway: nope\n",
        ["Missing gateway with name 'nope'"],
    ),
    "a setting of an older SQLMesh": (
        f"{DUCKDB}auto_categorize_changes: {{sql: full}}\n",
        ["config.yaml", "`auto_categorize_changes` config is deprecated"],
    ),
    "a setting that does not exist": (
        f"{DUCKDB}modell_defaults: {{}}\n",
        ["config.yaml", "'modell_defaults'"],
    ),
    "a connection type that SQLMesh does not know": (
        "gateways: {local: {connection: {type: cloud}}}\nmodel_defaults: {dialect: duckdb}\n",
        ["config.yaml", "Unknown connection type 'cloud'"],
    ),
    "a scheduler of an older SQLMesh": (
        f"{DUCKDB}default_scheduler: {{type: airflow}}\n",
        ["Unknown scheduler type 'airflow'", "Remove the setting"],
    ),
    "no YAML": ("gateways: [\n", ["config.yaml", "line 1, column 12"]),
}
CASES = {name: (DUCKDB, files, parts) for name, (files, parts) in BROKEN.items()} | {
    name: (config, {"models/a.sql": model("s.a")}, parts)
    for name, (config, parts) in CONFIGS.items()
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_project(case: str, tmp_path: Path) -> None:
    config, files, parts = CASES[case]
    project = write_project(tmp_path, files, config=config)

    with pytest.raises(ProjectError) as caught:
        describe.inspect(Source((project,)))

    assert caught.value.exit_code == 3
    error = str(caught.value)
    assert "\n" not in error
    assert re.search(f"`sqlmesh -p {project} info --skip-connection`|Remove|Shorten|pip", error)
    assert [part for part in parts if part not in error] == []


MALFORMED = {
    "a colon": ("config.yaml", "password: hunter2: x", "line 2, column 18"),
    "an alias": ("config.yaml", "password: *hunter2", "line 2, column 11"),
    "a tag": ("config.yaml", "password: !hunter2 x", "line 2, column 11"),
    "a key twice": ("config.yaml", "password: hunter2\npassword: x", "line 3, column 1"),
    "another file": ("external_models.yaml", "password: hunter2: x", "line 2, column 18"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_yaml_is_not_quoted(case: str, tmp_path: Path) -> None:
    file, text, place = MALFORMED[case]
    project = write_project(tmp_path, {file: f"# A connection.\n{text}\n"})

    with pytest.raises(ProjectError) as caught:
        describe.inspect(Source((project,)))

    assert f"{project / file} is not valid YAML: {place}." in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_sqlmesh_warns_of_is_a_note(tmp_path: Path) -> None:
    python_model = """
        from sqlmesh import ExecutionContext, model
        from sqlmesh.core.model import FullKind

        @model("s.a", kind=FullKind(), columns={"id": "int"})
        def execute(context: ExecutionContext, **kwargs: object) -> None:
            return None
    """
    project = describe.inspect(Source((write_project(tmp_path, {"models/a.py": python_model}),)))

    assert any("`kind` argument was passed" in note for note in project.warnings)
