"""SQLMesh's own example, planned by SQLMesh and run through the generated package."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.outcome import last_outcome
from e2e.shop import run
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
def sushi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that sushi was copied to, generated and planned in."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{tmp_path}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("MAX_FORK_WORKERS")  # SQLMesh loads it as it does by default
    (project,) = next(each for each in PROJECTS if each.name == "sushi").copy_to(tmp_path)
    install_custom_materializations(tmp_path)
    config = project / "config.py"
    text = config.read_text()
    database = PERSISTENT.format(str(tmp_path / "memory.duckdb"))
    config.write_text(text.replace(MEMORY, database, 1))
    run([sys.executable, "-m", "dg_sqlmesh_codegen", project, "-o", "defs"], tmp_path)
    plan = f"""
from sqlmesh import Context
context = Context(paths=[{str(project)!r}])
context.plan("prod", auto_apply=True, no_prompts=True, skip_tests=True,
             execution_time={str(PLANNED_AT)!r})
context.close()
"""
    run([sys.executable, "-c", plan], tmp_path)
    return tmp_path


def test_sushi_runs(sushi: Path) -> None:
    config = {"execution_time": str(RUN_AT), "end": str(RUN_AT)}
    (sushi / "run.yaml").write_text(json.dumps({"ops": {"sqlmesh_models": {"config": config}}}))
    execute = ["job", "execute", "-m", "defs.definitions", "-j", "sqlmesh_job", "-c", "run.yaml"]
    run([sys.executable, "-m", "dagster", *execute], sushi)
    _, outcome = last_outcome()

    assert outcome.failure == ""
    assert set(outcome.status.values()) == {"evaluated", "not due"}
    # Every model but the seeds and what has an end is due two days after the plan.
    assert len(outcome.materialized) == len(set(outcome.materialized)) >= 12
    standalone = [check for _, check in outcome.passed if check == "assert_item_price_above_zero"]
    assert standalone == ["assert_item_price_above_zero"]
    assert outcome.failed == {}
