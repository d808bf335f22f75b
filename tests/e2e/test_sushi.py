"""SQLMesh's own example, planned by SQLMesh and run through the generated package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.outcome import last_outcome
from real_projects import PROJECTS, install_custom_materializations

pytestmark = pytest.mark.network

# Its models start "a week ago", so it is planned a while before today, whenever that is.
RUN_AT = datetime.now(UTC).date()
PLANNED_AT = RUN_AT - timedelta(days=2)
# Its default configuration is a database in memory, which no second process would find.
MEMORY, PERSISTENT = (
    "connection=DuckDBConnectionConfig(),",
    "connection=DuckDBConnectionConfig(database={!r}),",
)


@pytest.fixture
def sushi(tmp_path: Path) -> Path:
    """The folder that sushi was copied to, generated and planned in."""
    (project,) = next(each for each in PROJECTS if each.name == "sushi").copy_to(tmp_path)
    install_custom_materializations(tmp_path)
    config = project / "config.py"
    text = config.read_text()
    database = PERSISTENT.format(str(tmp_path / "memory.duckdb"))
    config.write_text(text.replace(MEMORY, database, 1))
    run(tmp_path, "-m", "dg_sqlmesh_codegen", str(project), "-o", "defs")
    plan = f"""
from sqlmesh import Context
context = Context(paths=[{str(project)!r}])
context.plan("prod", auto_apply=True, no_prompts=True, skip_tests=True,
             execution_time={str(PLANNED_AT)!r})
context.close()
"""
    run(tmp_path, "-c", plan)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(folder)]),
        "DAGSTER_HOME": str(folder),
    }
    del environment["MAX_FORK_WORKERS"]  # SQLMesh loads it as it does by default
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sushi_runs(sushi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"execution_time": str(RUN_AT), "end": str(RUN_AT)}
    (sushi / "run.yaml").write_text(json.dumps({"ops": {"sqlmesh_models": {"config": config}}}))
    execute = ["job", "execute", "-m", "defs.definitions", "-j", "sqlmesh_job", "-c", "run.yaml"]
    run(sushi, "-m", "dagster", *execute)
    monkeypatch.setenv("DAGSTER_HOME", str(sushi))
    _, outcome = last_outcome()

    assert outcome.failure == ""
    assert set(outcome.status.values()) == {"evaluated", "not due"}
    # Every model but the seeds and what has an end is due two days after the plan.
    assert len(outcome.materialized) == len(set(outcome.materialized)) >= 12
    standalone = [check for _, check in outcome.passed if check == "assert_item_price_above_zero"]
    assert standalone == ["assert_item_price_above_zero"]
    assert outcome.failed == {}
