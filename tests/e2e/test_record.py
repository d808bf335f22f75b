"""Nothing changed: processes that answer without importing SQLMesh."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache import store

pytestmark = pytest.mark.process

HEAVY = {"sqlmesh", "sqlglot", "dagster", "black", "jinja2", "pandas", "croniter"}


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    graph: list[str]
    imported: set[str]

    @property
    def loaded(self) -> bool:
        return "sqlmesh" in self.imported


def generate(folder: Path, *arguments: str) -> Done:
    """Generate in a process: Python says what it imports, so nobody has to look at a clock."""
    command = [sys.executable, "-X", "importtime", "-m", "dg_sqlmesh_codegen", "shop", "-o", "defs"]
    done = subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = done.stderr.splitlines()
    return Done(
        done.returncode,
        done.stdout,
        [line for line in lines if line.startswith(("graph", "schedule", "note"))],
        {
            line.rpartition("|")[2].strip().split(".")[0]
            for line in lines
            if line.startswith("import time:")
        },
    )


@pytest.fixture
def folder(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example: seeds, a Python model that needs pandas, macros, audits."""
    monkeypatch.setenv(store.FOLDER, str(tmp_path / "records"))
    shutil.copytree(root / "generated_example" / "shop", tmp_path / "work" / "shop")
    return tmp_path / "work"


def test_nothing_changed_and_nothing_heavy_is_imported(folder: Path) -> None:
    first = generate(folder)
    again = generate(folder)

    assert (first.loaded, again.loaded) == (True, False)
    assert first.graph == again.graph != []
    for arguments in (["--check"], ["--diff", "--quiet"]):
        done = generate(folder, *arguments)
        assert (done.code, done.stdout) == (0, "")
        assert done.imported & HEAVY == set()
    assert generate(folder, "--check", "--no-cache").loaded
