"""Real projects: the generated graph is SQLMesh's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from real_projects import PROJECTS, RealProject, install_custom_materializations

pytestmark = pytest.mark.network

ORACLE = Path(__file__).parent / "oracle.py"


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    site = folder / "site"
    if not site.exists():
        install_custom_materializations(folder)
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{folder}"}
    del environment["MAX_FORK_WORKERS"]  # SQLMesh loads them as it does by default
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def graph(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_the_graph_is_sqlmeshs_own(project: RealProject, tmp_path: Path) -> None:
    folders = [str(folder) for folder in project.copy_to(tmp_path)]
    options = ["--config", project.config] if project.config else []
    generate = ["-m", "dg_sqlmesh_codegen", *folders, "-o", "defs", *options]
    run(generate, tmp_path)
    databases = [path for path in tmp_path.rglob("*") if path.suffix in {".db", ".duckdb"}]
    expected = graph(run([str(ORACLE), "sqlmesh", project.config or "", *folders], tmp_path))
    actual = graph(run([str(ORACLE), "package"], tmp_path))

    assert databases == []
    assert actual["assets"] == expected["assets"]
    assert actual["standalone"] == expected["standalone"]
    assets = actual["assets"].values()
    audits = sum(len(asset["audits"]) for asset in assets)
    # An audit is a check, whatever its form; and every asset has its execution status.
    assert actual["checks"] == audits + len(actual["standalone"]) + len(actual["assets"])
