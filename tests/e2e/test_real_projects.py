"""Real projects: the generated graph is SQLMesh's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.shop import run
from real_projects import PROJECTS, RealProject, install_custom_materializations

pytestmark = pytest.mark.network

LEFT = re.compile(r"\.db$|\.duckdb$|/\.cache/")
ORACLE = Path(__file__).parent / "oracle.py"


def graph(said: str) -> dict[str, Any]:
    found = json.loads(said[said.index("{") :])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_the_graph_is_sqlmeshs_own(
    project: RealProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install_custom_materializations(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{tmp_path}")
    monkeypatch.delenv("MAX_FORK_WORKERS")  # SQLMesh loads them as it does by default
    folders = project.copy_to(tmp_path)
    options = ["--config", project.config] if project.config else []
    python = sys.executable
    generate: list[str | Path] = [python, "-m", "dg_sqlmesh_codegen", *folders, *options, "-o"]
    ask_sqlmesh: list[str | Path] = [python, ORACLE, "sqlmesh", project.config or "", *folders]
    before = {*tmp_path.rglob("*")}
    run([*generate, "defs"], tmp_path)
    left = [path for path in {*tmp_path.rglob("*")} - before if LEFT.search(str(path))]
    expected = graph(run(ask_sqlmesh, tmp_path).stdout)
    actual = graph(run([python, ORACLE, "package"], tmp_path).stdout)

    assert left == []
    assert actual["assets"] == expected["assets"]
    assert actual["standalone"] == expected["standalone"]
    assets = actual["assets"].values()
    audits = sum(len(asset["audits"]) for asset in assets)
    # An audit is a check, whatever its form; and every asset has its execution status.
    assert actual["checks"] == audits + len(actual["standalone"]) + len(actual["assets"])

    # SQLMesh has a cache now. Whatever is generated or refused, it is left alone and not believed.
    cache = {path: path.stat().st_mtime_ns for path in tmp_path.glob("**/.cache/**/*")}
    for more in (["--default-catalog", "typo"], ["--gateway", "nobody"]):
        command = [*map(str, generate), "again", *more]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    run([*generate, "defs", "--check"], tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("**/.cache/**/*")} == cache
    assert graph(run(ask_sqlmesh, tmp_path).stdout) == expected
