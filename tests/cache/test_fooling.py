"""Everything that can change, changed: what the record makes of it, against a run without it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cache.runs import Runs
from dg_sqlmesh_codegen.cache import store
from projects import DUCKDB, model, write_project

pytestmark = pytest.mark.sqlmesh

Edit = Callable[[Runs], object]
MACRO = """
from pathlib import Path

from sqlmesh import macro

from lib.helper import number


@macro()
def numbered(evaluator, column):
    name = Path(__file__).parents[2].joinpath("name.txt").read_text().strip()
    return f"{column} + {number()} AS {name}"
"""
FILES = {
    "macros/__init__.py": "",
    "macros/numbers.py": MACRO,
    "lib/__init__.py": "",
    "lib/helper.py": "def number():\n    return 11\n",
    "seeds/countries.csv": "code,name\nde,Germany\n",
    "audits/positive.sql": "AUDIT (name positive);\nSELECT * FROM @this_model WHERE id < 0\n",
    "models/countries.sql": model("a.countries", "", kind="SEED (path '../seeds/countries.csv')"),
    "models/one.sql": model("a.one", "SELECT 1 AS id, @numbered(1)", audits="(positive)"),
    "models/two.sql": model("a.two", "SELECT id FROM a.one"),
    "README.md": "Nothing that SQLMesh reads.\n",
}


@pytest.fixture
def project(runs: Runs) -> Path:
    runs.write("name.txt", "amount\n")
    return write_project(runs.project, FILES)


def replace(path: str, old: str, new: str) -> Edit:
    def edit(runs: Runs) -> None:
        file = runs.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def replace_unseen(path: str, old: str, new: str) -> Edit:
    """Change a file, and leave it the size and the times that it had."""
    assert len(old) == len(new)

    def edit(runs: Runs) -> None:
        before = (runs.folder / path).stat()
        replace(path, old, new)(runs)
        os.utime(runs.folder / path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


def rename(path: str, name: str) -> Edit:
    return lambda runs: (runs.folder / path).rename((runs.folder / path).with_name(name))


def remove(path: str) -> Edit:
    return lambda runs: (runs.folder / path).unlink()


def write(path: str, text: str) -> Edit:
    return lambda runs: runs.write(path, text)


# What is done, and whether the package has to change with it.
EDITS = {
    "a model": (replace("project/models/two.sql", "id FROM", "id + 1 AS id FROM"), True),
    "a model, unseen": (replace_unseen("project/models/one.sql", "(1)", "(2)"), True),
    "a macro": (replace("project/macros/numbers.py", "+ {number", "- {number"), True),
    "a macro, unseen": (
        replace_unseen("project/macros/numbers.py", "+ {number", "- {number"),
        True,
    ),
    "what a macro imports": (replace("project/lib/helper.py", "11", "2222"), True),
    "what a macro imports, unseen": (replace_unseen("project/lib/helper.py", "11", "22"), True),
    "what a macro reads": (replace("name.txt", "amount", "amounts"), True),
    "what a macro reads, unseen": (replace_unseen("name.txt", "amount", "number"), True),
    "a seed": (replace("project/seeds/countries.csv", "Germany", "Deutschland"), True),
    "an audit": (replace("project/audits/positive.sql", "< 0", "<= 0"), True),
    "the configuration": (replace("project/config.yaml", "warehouse.db", "lake.db"), True),
    "a new model": (write("project/models/three.sql", model("a.three")), True),
    "a renamed file": (rename("project/models/two.sql", "zwei.sql"), True),
    "a deleted model": (remove("project/models/two.sql"), True),
    "a described table": (
        write("project/external_models.yaml", "- name: raw.x\n  columns: {id: int}\n"),
        False,
    ),
    "an env file": (write("project/.env", "SQLMESH__MODEL_DEFAULTS__CRON=@hourly\n"), True),
    "a file that nobody reads": (replace("project/README.md", "Nothing", "No thing"), False),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_noticed(name: str, project: Path, runs: Runs) -> None:
    edit, changes = EDITS[name]
    runs.recorded()
    edit(runs)

    checked = runs.run("--check")

    assert checked.loaded
    assert checked.code == (1 if changes else 0)
    assert checked.answer == runs.run("--check", "--no-cache").answer
    # Another run mends it, and says so from the record of the check, which loaded already.
    mended = runs.run()
    assert (mended.code, mended.loaded) == (0, False)
    assert runs.run("--check", "--no-cache").code == 0


def test_a_touched_file_is_the_same_file(project: Path, runs: Runs) -> None:
    runs.recorded()
    for file in project.rglob("*.sql"):
        os.utime(file, (time.time() + 60, time.time() + 60))

    checked = runs.run("--check")

    assert (checked.loaded, checked.code) == (False, 0)


def test_there_and_back_again(project: Path, runs: Runs) -> None:
    """What git does to a folder when the branch is changed, and changed back."""
    runs.recorded()
    before = {path: path.read_bytes() for path in project.rglob("*.sql")}
    replace("project/models/two.sql", "id FROM", "id + 1 AS id FROM")(runs)
    write("project/models/three.sql", model("a.three"))(runs)
    assert runs.run("--check").code == 1

    (project / "models" / "three.sql").unlink()
    for path, text in before.items():
        path.write_bytes(text)
    back = runs.run("--check")

    assert (back.loaded, back.code) == (True, 0)
    assert not runs.run("--check").loaded


@pytest.mark.parametrize(
    "flags",
    [
        ("--environment", "dev"),
        ("--gateway", "local"),
        ("--default-catalog", "lake"),
        ("--set", "group_name=marts"),
        ("--set", "enable_schedule=false"),
    ],
)
def test_other_flags(flags: tuple[str, ...], project: Path, runs: Runs) -> None:
    runs.recorded()

    checked = runs.run("--check", *flags)

    assert checked.loaded
    assert checked.answer == runs.run("--check", "--no-cache", *flags).answer


def test_a_changed_key_of_the_configuration(project: Path, runs: Runs) -> None:
    component = (
        "type: dg_sqlmesh_codegen.SQLMeshProjectComponent\nattributes:\n  default_group_name: "
    )
    runs.write("defs/defs.yaml", f"{component}core\n")
    runs.recorded()
    runs.write("defs/defs.yaml", f"{component}marts\n")

    checked = runs.run("--check")

    assert (checked.loaded, checked.code) == (True, 1)


def test_a_changed_translator(project: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.folder)
    code = """
from dg_sqlmesh_codegen import SQLMeshTranslator
from naming_of_the_house import GROUP


class Translator(SQLMeshTranslator):
    def get_group_name(self, model, context):
        return GROUP
"""
    runs.write("house.py", code)
    runs.write("naming_of_the_house.py", "GROUP = 'core'\n")
    runs.recorded("--set", "translator=house:Translator")
    runs.write("naming_of_the_house.py", "GROUP = 'marts_and_more'\n")

    checked = runs.run("--check", "--set", "translator=house:Translator")

    assert (checked.loaded, checked.code) == (True, 1)


def test_a_changed_template_of_the_user(project: Path, runs: Runs) -> None:
    templates = runs.write("templates/readme.txt", "mine").parent
    runs.recorded("--templates", str(templates))
    runs.write("templates/readme.txt", "all mine")

    assert runs.run("--check", "--templates", str(templates)).loaded


def test_a_copy_of_the_project_is_another_project(project: Path, runs: Runs) -> None:
    runs.recorded()
    copy = write_project(runs.folder / "copy", FILES)

    checked = runs.run("--check", project=copy)

    assert checked.loaded
    assert checked.code == 1  # the path to the project is in the package


def test_another_working_directory(
    project: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.recorded()
    monkeypatch.chdir(runs.folder)

    assert runs.run("--check").loaded  # relative paths in the project may lead elsewhere


CONFIG_PY = """
import os

from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

READ = {read}
config = Config(
    gateways={{"local": GatewayConfig(connection=DuckDBConnectionConfig(database="warehouse.db"))}},
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01", cron=READ or "@daily"),
)
"""
# How a configuration reads the variable SHOP_CRON, or any of its kind.
READS = {
    "os.environ": "os.environ['SHOP_CRON'] if 'SHOP_CRON' in os.environ else None",
    "os.getenv": "os.getenv('SHOP_CRON')",
    "all of them": "{k: v for k, v in os.environ.items()}.get('SHOP_CRON')",
    "a copy": "os.environ.copy().get('SHOP_CRON')",
    "a merge": "({} | os.environ).get('SHOP_CRON')",
}


@pytest.mark.parametrize("read", READS)
def test_a_variable_that_a_configuration_in_python_reads(
    read: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"config.py": CONFIG_PY.format(read=READS[read]), "models/a.sql": model("a.a")}
    write_project(runs.project, files, config="")
    (runs.project / "config.yaml").unlink()
    runs.recorded()
    monkeypatch.setenv("SHOP_CRON", "@hourly")

    checked = runs.run("--check")
    assert (checked.loaded, checked.code) == (True, 1)

    monkeypatch.setenv("SHOP_CRON", "@weekly")
    assert runs.run("--check").loaded
    monkeypatch.setenv("SHOP_NOTHING", "1")
    # Whoever reads all variables depends on all.
    assert runs.run("--check").loaded == (read in {"all of them", "a copy", "a merge"})


@pytest.mark.parametrize(
    ("config", "variable", "value"),
    [
        (DUCKDB.replace("warehouse.db", "{{ env_var('SHOP_DB') }}.db"), "SHOP_DB", "lake"),
        (DUCKDB, "SQLMESH__MODEL_DEFAULTS__CRON", "@hourly"),
        (DUCKDB, "sqlmesh__model_defaults__cron", "@hourly"),
        (DUCKDB, "SQLMESH_HOME", "/nowhere/at/all"),
    ],
)
def test_a_variable_that_a_configuration_in_yaml_reads(
    config: str, variable: str, value: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(runs.project, {"models/a.sql": model("a.a")}, config=config)
    monkeypatch.setenv("SHOP_DB", "shop")
    runs.recorded()
    monkeypatch.setenv("SHOP_NOTHING", "1")
    assert not runs.run("--check").loaded
    monkeypatch.setenv(variable, value)

    checked = runs.run("--check")

    assert checked.loaded
    assert checked.answer == runs.run("--check", "--no-cache").answer


def test_a_variable_that_an_env_file_expands(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DUCKDB.replace("warehouse.db", "{{ env_var('SHOP_DB') }}.db")
    files = {"models/a.sql": model("a.a"), ".env": "SHOP_DB=${SHOP_STAGE}_db\n"}
    write_project(runs.project, files, config=config)
    monkeypatch.setenv("SHOP_STAGE", "dev")
    runs.recorded()
    monkeypatch.setenv("SHOP_STAGE", "prod")

    checked = runs.run("--check")

    assert (checked.loaded, checked.code) == (True, 1)


@pytest.mark.parametrize(
    "asks",
    [
        "import subprocess, sys; subprocess.run([sys.executable, '-V'], check=True)",
        "import socket; s = socket.socket(); s.connect_ex(('127.0.0.1', 9)); s.close()",
        "import sqlite3; sqlite3.connect(':memory:').close()",
    ],
)
def test_who_asks_outside_is_asked_every_time(asks: str, runs: Runs) -> None:
    macro = f"from sqlmesh import macro\n{asks}\n@macro()\ndef one(evaluator):\n    return '1'\n"
    files = {"macros/__init__.py": "", "macros/one.py": macro, "models/a.sql": model("a.a")}
    write_project(runs.project, files)

    assert runs.run().loaded
    assert runs.run().loaded


ASKING = """
import {module}

from sqlmesh import macro


@macro()
def asked(evaluator):
    return "1 AS " + {question}
"""


@pytest.mark.parametrize(
    ("module", "question"),
    [("os", "os.environ['FLAVOUR']"), ("subprocess", "subprocess.getoutput('echo $FLAVOUR')")],
)
def test_what_a_warm_cache_of_sqlmesh_hides(
    module: str, question: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAVOUR", "plain")
    files = {
        "macros/asked.py": ASKING.format(module=module, question=question),
        "models/one.sql": model("a.one", "SELECT @asked()"),
    }
    write_project(runs.project, files)
    runs.run()
    store.forget(runs.out)  # as if it was SQLMesh that had loaded it: a plan, say
    runs.run()
    monkeypatch.setenv("FLAVOUR", "mint")

    assert runs.run("--check").code == 1
    assert runs.run("--check", "--no-cache").code == 1
