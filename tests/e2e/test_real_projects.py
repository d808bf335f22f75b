"""Real projects: the generated graph is SQLMesh's own, and SQLMesh's own example runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from e2e.outcome import last_outcome
from e2e.shop import run, run_at
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


def test_sushi_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{tmp_path}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("MAX_FORK_WORKERS")  # SQLMesh loads it as it does by default
    (project,) = next(each for each in PROJECTS if each.name == "sushi").copy_to(tmp_path)
    install_custom_materializations(tmp_path)
    # Its default configuration is a database in memory, which no second process would find.
    file, memory = project / "config.py", "connection=DuckDBConnectionConfig("
    text = file.read_text().replace(memory, f"{memory}database={str(tmp_path / 'a.duckdb')!r}", 1)
    file.write_text(text)
    # Its models start "a week ago", so it is planned a while before today, whenever that is.
    today = datetime.now(UTC).date()
    plan = ["plan", "--auto-apply", "--no-prompts", "--skip-tests", "--execution-time"]
    sqlmesh = str(Path(sys.executable).parent / "sqlmesh")
    run([sys.executable, "-m", "dg_sqlmesh_codegen", project, "-o", "defs"], tmp_path)
    run([sqlmesh, "-p", str(project), *plan, str(today - timedelta(days=2))], tmp_path)
    (tmp_path / "run.yaml").write_text(json.dumps(run_at(str(today))))
    execute = ["job", "execute", "-m", "defs.definitions", "-j", "sqlmesh_job", "-c", "run.yaml"]
    run([sys.executable, "-m", "dagster", *execute], tmp_path)
    _, outcome = last_outcome()

    assert outcome.failure == ""
    assert set(outcome.status.values()) == {"evaluated", "not due"}
    # Every model but the seeds and what has an end is due two days after the plan.
    assert len(outcome.materialized) == len(set(outcome.materialized)) >= 12
    standalone = [check for _, check in outcome.passed if check == "assert_item_price_above_zero"]
    assert standalone == ["assert_item_price_above_zero"]
    assert outcome.failed == {}
