"""Real runs: what the record makes of a change, beside a run without it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from dg_sqlmesh_codegen import generation
from dg_sqlmesh_codegen.cache import store
from dg_sqlmesh_codegen.cli import main
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


SUMMARY = ("note: ", "graph ", "schedule ")


@dataclass
class Runs:
    """Runs in this process of one project into one folder.

    Of the last one: `loads` are SQLMesh's cache folders, `said` is what it printed.
    """

    folder: Path
    capsys: pytest.CaptureFixture[str]
    loads: list[Path | None] = field(default_factory=list)
    said: tuple[str, str] = ("", "")

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def out(self) -> Path:
        return self.folder / "defs"

    def run(self, *flags: str) -> int:
        self.loads.clear()
        self.capsys.readouterr()
        for name in ("lib", "lib.helper"):  # as in a process of its own
            sys.modules.pop(name, None)
        code = main([str(self.project), "-o", str(self.out), *flags])
        self.said = self.capsys.readouterr()
        return code

    def recorded(self) -> None:
        """Generate, and make sure that the record is believed, and says the same again."""
        assert (self.run(), bool(self.loads)) == (0, True)
        said = [line for line in self.said[1].splitlines() if line.startswith(SUMMARY)]
        assert (self.run(), self.loads) == (0, [])
        assert [line for line in self.said[1].splitlines() if line.startswith(SUMMARY)] == said
        assert "note: owner 'somebody' is written as 'team:somebody'" in said

    def checked(self, code: int) -> None:
        """Check, which has to load the project and to answer as without a record."""
        assert (self.run("--check"), bool(self.loads)) == (code, True)
        said = self.said[0]
        assert (self.run("--check", "--no-cache"), self.said[0]) == (code, said)


@pytest.fixture
def runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Runs:
    runs = Runs(tmp_path / "work", capsys)
    render_project = generation.render_project

    def counting(config: object, progress: object, sqlmesh_cache: Path | None) -> object:
        runs.loads.append(sqlmesh_cache)
        return render_project(config, progress, sqlmesh_cache)  # type: ignore[arg-type]

    monkeypatch.setattr(generation, "render_project", counting)
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "records"))
    monkeypatch.setenv("SQLMESH_HOME", str(tmp_path / "home"))
    write_project(runs.project, FILES)
    return runs


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
def test_an_edit_is_noticed(name: str, runs: Runs) -> None:
    runs.recorded()
    EDITS[name](runs)

    runs.checked(1)
    assert (runs.run(), bool(runs.loads)) == (0, True)  # a package that differs is rendered
    assert (runs.run("--check"), runs.loads) == (0, [])
    assert runs.run("--check", "--no-cache") == 0


def put(path: str, text: str) -> Callable[[Path], object]:
    return lambda out: (out / path).write_text(text, encoding="utf-8")


BY_HAND: dict[str, tuple[Callable[[Path], object], int]] = {
    "edited": (put("models/warehouse/a/one.py", f"{HEADER}\n# mine\n"), 1),
    "deleted": (shutil.rmtree, 1),
    "an orphan": (put("models/old.py", f"{HEADER}\n"), 1),
    "not ours": (put("definitions.py", "import dagster as dg\n"), 2),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_package_that_differs_is_rendered(name: str, runs: Runs) -> None:
    change, code = BY_HAND[name]
    runs.recorded()
    change(runs.out)
    runs.checked(code)


def test_a_forged_record_writes_nothing(runs: Runs) -> None:
    """The record's inputs are right, and it is for another package."""
    runs.recorded()
    before = {path: path.read_bytes() for path in runs.folder.rglob("*") if path.is_file()}
    file = store.location(runs.out)
    record = {**json.loads(file.read_bytes()), "output": "../escaped.py"}
    file.write_text(json.dumps(record), encoding="utf-8")

    assert (runs.run(), bool(runs.loads)) == (0, True)
    assert before == {path: path.read_bytes() for path in runs.folder.rglob("*") if path.is_file()}


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
    path = runs.project / "lookup.duckdb"
    files = {
        "macros/value.py": macro.format(path=path),
        "models/a.sql": model("a.a", "SELECT @value() AS id"),
    }
    write_project(runs.project, files)
    for value in (1, 2):
        with duckdb.connect(str(path)) as connection:
            connection.sql(f"CREATE OR REPLACE TABLE t AS SELECT {value}")
        assert (runs.run(), runs.loads) == (0, [None])  # nor is SQLMesh's cache believed


def test_sqlmesh_s_cache_is_used_for_what_has_not_changed_and_the_project_s_never(
    runs: Runs,
) -> None:
    foreign = runs.project / ".cache" / "mine.txt"
    foreign.parent.mkdir()
    foreign.write_text("a file of the project's own")
    runs.run()
    (first,) = runs.loads
    assert first
    EDITS["a model"](runs)
    runs.run()
    assert runs.loads == [first]
    assert list((first / "model_definition").iterdir())
    runs.run("--no-cache")
    assert [path.name for path in foreign.parent.iterdir()] == ["mine.txt"]
