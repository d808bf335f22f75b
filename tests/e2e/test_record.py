"""Nothing changed: processes that answer without importing SQLMesh, and those that must not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache import store
from projects import model, write_project

pytestmark = pytest.mark.process

# Python says what it imports, so nobody has to look at a clock.
PYTHON = [sys.executable, "-X", "importtime"]
HEAVY = {"sqlmesh", "sqlglot", "dagster", "black", "jinja2", "pandas", "croniter"}


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    said: list[str]
    imported: set[str]

    @property
    def loaded(self) -> bool:
        return "sqlmesh" in self.imported


def generate(folder: Path, *arguments: str) -> Done:
    return run(folder, ["-m", "dg_sqlmesh_codegen", "project", "-o", "defs", *arguments])


def run(folder: Path, words: list[str]) -> Done:
    done = subprocess.run(
        [*PYTHON, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = done.stderr.splitlines()
    times = [line for line in lines if line.startswith("import time:")]
    return Done(
        done.returncode,
        done.stdout,
        [line for line in lines if line not in times],
        {line.rpartition("|")[2].strip().split(".")[0] for line in times},
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a project, and a macro that imports from it."""
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "records"))
    folder = tmp_path / "work"
    macro = """
        from sqlmesh import macro

        from lib.helpers import alias

        @macro()
        def aliased(evaluator, column):
            return f"{column} AS {alias()}"
    """
    files = {
        "macros/__init__.py": "",
        "macros/aliased.py": macro,
        "lib/helpers.py": "def alias():\n    return 'amount'\n",
        "models/one.sql": model("a.one", "SELECT @aliased(1)"),
        "models/two.sql": model("a.two", "SELECT * FROM a.one"),
    }
    write_project(folder / "project", files)
    return folder


def test_nothing_changed_and_nothing_heavy_is_imported(folder: Path) -> None:
    assert generate(folder).loaded

    for arguments in ([], ["--check"], ["--diff", "--quiet"]):
        done = generate(folder, *arguments)
        assert (done.code, done.stdout) == (0, "")
        assert done.imported & HEAVY == set()
    assert generate(folder, "--check", "--no-cache").loaded


def test_a_macro_that_another_folder_has_a_part_of(folder: Path) -> None:
    """SQLMesh's own cache goes by its macros' modification times, and does not notice this."""
    (folder / "shared").mkdir()
    helper = folder / "shared" / "helpers.py"
    helper.write_text("def alias():\n    return 'amount'\n")
    macro = folder / "project" / "macros" / "aliased.py"
    macro.write_text(macro.read_text().replace("lib.helpers", "shared.helpers"))
    assert generate(folder).loaded
    assert generate(folder).loaded  # what lies outside of the project cannot be known
    helper.write_text(helper.read_text().replace("amount", "total_amount"))

    checked = generate(folder, "--check")

    assert (checked.loaded, checked.code) == (True, 1)
    assert "one.py is out of date" in checked.stdout
    assert "two.py is out of date" in checked.stdout


def test_a_changed_git_branch(folder: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        subprocess.run(
            [str(shutil.which("git")), *identity, *words],
            cwd=folder,
            check=True,
            capture_output=True,
        )

    git("init", "--initial-branch", "main")
    (folder / ".gitignore").write_text(".cache\n__pycache__\n")
    generate(folder)
    git("add", ".")
    git("commit", "--message", "main")
    git("switch", "--create", "other")
    (folder / "project" / "models" / "three.sql").write_text(model("a.three"))
    generate(folder)
    git("add", ".")
    git("commit", "--message", "other")
    assert not generate(folder, "--check").loaded

    git("switch", "main")
    checked = generate(folder, "--check")
    # The package changed with the branch, so it is current; that had to be found out.
    assert (checked.loaded, checked.code, checked.stdout) == (True, 0, "")
    git("commit", "--allow-empty", "--message", "nothing of the project")
    assert not generate(folder, "--check").loaded


def test_two_at_once(folder: Path) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: generate(folder), range(2)))
    assert [done.code for done in both] == [0, 0]
    assert len(list((folder.parent / "records").glob("*.json"))) == 1

    generate(folder, "--check")  # if they disturbed each other: the folder was changing
    checked = generate(folder, "--check")
    assert (checked.loaded, checked.code) == (False, 0)


def test_the_example(tmp_path: Path, root: Path) -> None:
    """Seeds, a Python model that needs pandas, macros, audits."""
    shutil.copytree(root / "generated_example" / "shop", tmp_path / "project")

    first = generate(tmp_path)
    again = generate(tmp_path)

    assert (first.loaded, again.loaded) == (True, False)
    graph = [line for line in first.said if line.startswith(("graph", "schedule", "note"))]
    assert graph == [line for line in again.said if line.startswith(("graph", "schedule", "note"))]
