"""Folders as tokens: what counts, and what two looks can tell apart."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache import trees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("models/a.sql", "models/logs/b.sql", "models/target/c.sql", "seeds/d.csv"):
        write(tmp_path / path, path)
    return tmp_path


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_file_and_folder(root: Path) -> None:
    assert sorted(trees.tree(str(root))) == [
        "models/",
        "models/a.sql",
        "models/logs/",
        "models/logs/b.sql",
        "models/target/",
        "models/target/c.sql",
        "seeds/",
        "seeds/d.csv",
    ]


@pytest.mark.parametrize(
    "path",
    [
        ".cache/model_definition/x",
        ".git/HEAD",
        ".venv/bin/python",
        "env/pyvenv.cfg",
        "logs/sqlmesh.log",
        "macros/__pycache__/a.cpython-311.pyc",
        "shop.db",
        "shop.duckdb.wal",
        "sub/shop.duckdb",
    ],
)
def test_what_tools_leave_behind(path: str, root: Path) -> None:
    (root / "macros").mkdir()
    (root / "sub").mkdir()
    before = trees.tree(str(root))
    write(root / path)

    assert trees.tree(str(root)) == before


def test_the_target_folder_of_dbt(root: Path) -> None:
    write(root / "target" / "manifest.json")
    assert "target/manifest.json" in trees.tree(str(root))

    write(root / "dbt_project.yml")
    assert "target/manifest.json" not in trees.tree(str(root))


def test_links_are_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(elsewhere / "macro.py")
    (root / "macros").symlink_to(elsewhere)
    (root / "one.csv").symlink_to(elsewhere / "macro.py")
    (root / "none.csv").symlink_to(elsewhere / "none")
    (root / "again").symlink_to(root)
    before = trees.tree(str(root))
    assert {"macros/", "macros/macro.py", "one.csv", "none.csv", "again/"} <= set(before)

    write(elsewhere / "macro.py", "changed")
    write(elsewhere / "none")
    assert set(trees.differences(before, trees.tree(str(root)))) == {
        "macros/macro.py",
        "macros/none",
        "none.csv",
        "one.csv",
    }


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")

    assert trees.tree(str(root))["pipe"] == trees.token(str(root / "none"))


def test_a_file_is_its_contents(root: Path) -> None:
    file = root / "seeds" / "d.csv"
    before = trees.token(str(file))
    os.utime(file, (0, 0))
    assert trees.token(str(file)) == before

    file.write_text("other text")
    assert trees.token(str(file)) != before


def test_a_large_file_is_what_the_system_says_of_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "_LARGE", 4)
    file = root / "seeds" / "d.csv"
    times = file.stat()
    contents = trees.token(str(file))  # too young: it might change again within a tick
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10_000_000_000)
    before = trees.token(str(file))
    assert before != contents
    assert trees.token(str(file)) == before

    file.write_text("SEEDS/D.CSV")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert trees.token(str(file)) != before


def test_names_and_modules_of_a_folder(root: Path) -> None:
    names, modules = trees.names(str(root)), trees.modules(str(root))
    write(root / "notes.txt")
    assert (trees.names(str(root)) == names, trees.modules(str(root)) == modules) == (False, True)

    write(root / "helper.py")
    assert trees.modules(str(root)) != modules
    ignored = frozenset({str(root / "helper.py"), str(root / "notes.txt")})
    assert trees.names(str(root), ignored) == names
    assert trees.names(str(root / "none")) != trees.names(str(root / "seeds"))
