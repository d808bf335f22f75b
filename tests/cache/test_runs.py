"""Real runs: what the record makes of a change, beside a run without it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cache.runs import Runs
from dg_sqlmesh_codegen.rendering.header import HEADER
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh

MACRO = """
from sqlmesh import macro

from lib.helper import number


@macro()
def numbered(evaluator, column):
    return f"{column} + {number()} AS amount"
"""
FILES = {
    "macros/__init__.py": "",
    "macros/numbers.py": MACRO,
    "lib/__init__.py": "",
    "lib/helper.py": "def number():\n    return 11\n",
    "models/one.sql": model("a.one", "SELECT 1 AS id, @numbered(1)", owner="somebody"),
    "models/two.sql": model("a.two", "SELECT id FROM a.one", cron="'@weekly'"),
}


@pytest.fixture
def project(runs: Runs) -> Path:
    return write_project(runs.project, FILES)


def replace(path: str, old: str, new: str, *, unseen: bool = False) -> Callable[[Runs], None]:
    """Change a file; `unseen` leaves it the modification time that it had."""

    def edit(runs: Runs) -> None:
        file = runs.project / path
        before, text = file.stat(), file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        if unseen:
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    return edit


EDITS = {
    "a model": replace("models/two.sql", "id FROM", "id + 1 AS id FROM"),
    "a model, unseen": replace("models/one.sql", "(1)", "(2)", unseen=True),
    "what a macro imports": replace("lib/helper.py", "11", "2222"),
    "a macro": replace("macros/numbers.py", "+ {number", "- {number"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_noticed(name: str, project: Path, runs: Runs) -> None:
    runs.recorded()
    EDITS[name](runs)

    checked = runs.run("--check")

    assert (checked.loaded, checked.code) == (True, 1)
    assert checked.answer == runs.run("--check", "--no-cache").answer
    assert runs.run().loaded  # a package that differs is always rendered
    assert (runs.run("--check").loaded, runs.run("--check", "--no-cache").code) == (False, 0)


def put(path: str, text: str) -> Callable[[Path], object]:
    return lambda out: (out / path).write_text(text, encoding="utf-8")


BY_HAND: dict[str, tuple[Callable[[Path], object], int]] = {
    "edited": (put("models/warehouse/a/one.py", f"{HEADER}\n# mine\n"), 1),
    "deleted": (shutil.rmtree, 1),
    "an orphan": (put("models/old.py", f"{HEADER}\n"), 1),
    "not ours": (put("definitions.py", "import dagster as dg\n"), 2),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_package_that_differs_is_rendered(name: str, project: Path, runs: Runs) -> None:
    change, code = BY_HAND[name]
    runs.recorded()
    change(runs.out)

    checked = runs.run("--check")

    assert (checked.loaded, checked.code) == (True, code)
    assert checked.answer == runs.run("--check", "--no-cache").answer


def test_what_the_summary_said_is_said_again(project: Path, runs: Runs) -> None:
    runs.recorded()
    said = runs.run().stderr

    assert "note: owner 'somebody' is written as 'team:somebody'" in said
    assert "2 models, 1 edges, 2 checks" in said
    assert "0 0 * * * (UTC)" in said
    assert "0 written, 7 unchanged, 0 removed" in said


def test_a_package_inside_of_its_project(project: Path, runs: Runs) -> None:
    out = str(runs.project / "dagster" / "defs")
    assert runs.run("-o", out).loaded

    again = runs.run("-o", out)
    assert not again.loaded
    assert "7 unchanged" in again.files


def test_a_project_that_cannot_be_known_is_loaded_without_any_cache(runs: Runs) -> None:
    macro = (
        "import os\nfrom sqlmesh import macro\n@macro()\ndef x(e):\n    return os.environ['X']\n"
    )
    write_project(
        runs.project, {"macros/x.py": macro, "models/a.sql": model("a.a", "SELECT @x() AS v")}
    )
    caches, types = set(), set()
    for value in ("1::INT", "'a'::TEXT"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("X", value)
            assert runs.run().loaded
            caches.update(runs.loads)
        text = (runs.out / "models/warehouse/a/a.py").read_text(encoding="utf-8")
        types.add(re.findall(r'TableColumn\("v", "(\w+)"', text)[0])
    assert caches == {None}
    assert types == {"INT", "TEXT"}


def test_a_database_that_a_load_opens(runs: Runs) -> None:
    """It lay in the project, was opened while loading, and 0.1.0 did not look at it."""
    macro = """
import duckdb
from sqlmesh import macro

@macro()
def value(evaluator):
    with duckdb.connect("{path}") as connection:
        return str(connection.sql("SELECT * FROM t").fetchone()[0])
"""
    duckdb = pytest.importorskip("duckdb")
    path = runs.project / "lookup.duckdb"
    files = {
        "macros/value.py": macro.format(path=path),
        "models/a.sql": model("a.a", "SELECT @value() AS id"),
    }
    write_project(runs.project, files)
    for value in (1, 2):
        with duckdb.connect(str(path)) as connection:
            connection.sql(f"CREATE OR REPLACE TABLE t AS SELECT {value}")
        assert runs.run().loaded


def test_sqlmesh_uses_its_cache_for_what_has_not_changed(project: Path, runs: Runs) -> None:
    runs.run()
    (first,) = runs.loads
    assert first
    EDITS["a model"](runs)
    runs.run()
    assert runs.loads == [first]
    assert list((first / "model_definition").iterdir())
    assert not (project / ".cache").exists()


def test_the_projects_own_cache_is_left_alone(project: Path, runs: Runs) -> None:
    foreign = runs.write("project/.cache/mine.txt", "a file of the project's own")
    runs.recorded()
    runs.run("--no-cache")
    assert [path.name for path in foreign.parent.iterdir()] == ["mine.txt"]
