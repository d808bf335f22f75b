"""The package's folder, whatever somebody did to it, when the project need not be loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cache.runs import Runs
from dg_sqlmesh_codegen.rendering.header import BANNER
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh

FILES = {
    "models/one.sql": model("a.one", kind="FULL", owner="somebody"),
    "models/two.sql": model("a.two", "SELECT id FROM a.one", cron="'@weekly'"),
}


@pytest.fixture
def generated(runs: Runs) -> Path:
    write_project(runs.project, FILES)
    runs.recorded()
    return runs.out


def edit(out: Path) -> None:
    file = out / "models" / "warehouse" / "a" / "one.py"
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")


def delete(out: Path) -> None:
    (out / "models" / "warehouse" / "a" / "one.py").unlink()


def delete_all(out: Path) -> None:
    shutil.rmtree(out)


def add_an_orphan(out: Path) -> None:
    (out / "models" / "old.py").write_text(f"{BANNER}\n", encoding="utf-8")


def replace_by_hand(out: Path) -> None:
    (out / "definitions.py").write_text("import dagster as dg\n", encoding="utf-8")


def do_nothing(out: Path) -> None:
    assert out.is_dir()


EDITS = [do_nothing, edit, delete, delete_all, add_an_orphan, replace_by_hand]


@pytest.mark.parametrize("flags", [(), ("--check",), ("--diff",), ("--check", "--quiet")])
@pytest.mark.parametrize("change", EDITS, ids=lambda change: change.__name__)
def test_the_answer_is_that_of_a_full_run(
    change: Callable[[Path], None], flags: tuple[str, ...], generated: Path, runs: Runs
) -> None:
    change(generated)
    before = tree(generated)

    fast = runs.run(*flags)
    after = tree(generated)
    shutil.rmtree(generated, ignore_errors=True)
    restore(generated, before)
    full = runs.run(*flags, "--no-cache")

    assert (fast.loaded, full.loaded) == (False, True)
    assert fast.answer == full.answer
    assert summary(fast.stderr) == summary(full.stderr)
    assert after == tree(generated)


def test_what_the_summary_said_is_said_again(generated: Path, runs: Runs) -> None:
    said = runs.run().stderr

    assert "note: owner 'somebody' is written as 'team:somebody'" in said
    assert "2 models, 1 edges, 2 checks" in said
    assert "0 0 * * * (UTC)" in said
    assert "0 written, 7 unchanged, 0 removed" in said


def test_a_check_that_finds_something_is_recorded_too(runs: Runs) -> None:
    write_project(runs.project, FILES)
    first, second = runs.run("--check"), runs.run("--check")

    assert (first.code, first.loaded) == (1, True)
    assert (second.loaded, second.answer) == (False, first.answer)


def test_a_package_inside_of_its_project(runs: Runs) -> None:
    write_project(runs.project, FILES)
    out = str(runs.project / "dagster" / "defs")
    assert runs.run("-o", out).loaded

    again = runs.run("-o", out)
    assert not again.loaded
    assert "7 unchanged" in again.files


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def restore(folder: Path, files: dict[str, bytes]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)


def summary(stderr: str) -> list[str]:
    """Return what was said but for the stages and the seconds."""
    lines = stderr.splitlines()
    return [line for line in lines if not line.endswith("...") and not line.startswith("time ")]
