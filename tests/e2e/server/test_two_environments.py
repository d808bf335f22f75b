"""Two environments of one state at the same time: the run of a preview leaves prod's tables alone.

SQLMesh itself does not: two `sqlmesh run`s evaluate the models that they share twice.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from e2e.server.depot import PLANNED, Depot, day
from e2e.server.processes import script
from e2e.shop import run

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("depot")]

JOB = (script("dagster"), "job", "execute", "-m", "defs.definitions", "-j", "sqlmesh_job")
LATEST = "SELECT max(ordered_on) FROM marts__pr_1.daily_revenue"


@pytest.fixture
def preview(depot: Depot) -> Depot:
    """The warehouse with an environment `pr_1`, in which one model differs from prod."""
    file = depot.project / "models" / "marts" / "daily_revenue.sql"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("SUM(amount)::INT", "SUM(amount + 1)::INT"), encoding="utf-8")
    plan = ["plan", "pr_1", "--auto-apply", "--no-prompts", "--execution-time", str(day(PLANNED))]
    try:
        run([script("sqlmesh"), "-p", str(depot.project), *plan], depot.project.parent)
    finally:
        file.write_text(before, encoding="utf-8")
    return depot


def test_a_preview_runs_while_prod_runs(preview: Depot, tmp_path: Path) -> None:
    folder = preview.project.parent
    homes = [tmp_path / name for name in ("prod", "pr_1")]
    for home in homes:
        home.mkdir()
        (home / "dagster.yaml").touch()
    of_prod, of_preview = ({"DAGSTER_HOME": str(home)} for home in homes)
    of_preview["DG_SQLMESH_ENVIRONMENT"] = "pr_1"

    with preview.closed("staging.orders"):
        prod = subprocess.Popen(JOB, cwd=folder, env={**os.environ, **of_prod})
        try:
            preview.wait_for_gate("staging.orders")
            run(JOB, folder, **of_preview)  # ends, although the model that both share waits
            still_runs = prod.poll() is None
            rows = preview.query(LATEST)
        except BaseException:
            prod.kill()
            raise
    prod.wait()
    run(JOB, folder, **of_preview)

    assert still_runs
    assert rows == [(day(PLANNED + 1),)]  # it waits for prod
    assert prod.returncode == 0
    assert preview.wrong_rows(day(0)) == {}
    assert preview.query(LATEST) == [(day(1),)]
