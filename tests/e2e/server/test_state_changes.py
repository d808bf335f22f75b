"""What others do to the state on PostgreSQL: plan or invalidate during a run, upgrade SQLMesh."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from e2e.outcome import Outcome
from e2e.server.depot import MODELS, STATE, Depot, day
from e2e.server.killing import Jobs
from e2e.server.processes import script
from e2e.shop import run
from projects import model

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("depot")]

TIERS = "models/marts/customer_tiers.sql"
ORDERS = "models/staging/orders.sql"
CHANGED = {"staging.orders", "marts.daily_revenue", "marts.last_orders"}  # and what reads them


@dataclass(frozen=True)
class Workplace:
    """A copy of the project and its package, and a Dagster instance of its own."""

    depot: Depot
    home: Path

    @property
    def folder(self) -> Path:
        return self.depot.project.parent

    @property
    def jobs(self) -> Jobs:
        """What runs a job of `prod` to its end."""
        return Jobs(self.home, "defs")

    def sqlmesh(self, *arguments: str) -> None:
        """Run a command of SQLMesh, as another person does."""
        run([script("sqlmesh"), "-p", "depot", *arguments], self.folder)

    @contextmanager
    def running(self, environment: str = "prod") -> Iterator[subprocess.Popen[bytes]]:
        """Run the generated job in a process of its own, which ends with the block."""
        job = [script("dagster"), "job", "execute", "-m", "defs.definitions", "-j", "sqlmesh_job"]
        variables = {"DAGSTER_HOME": self.home, "DG_SQLMESH_ENVIRONMENT": environment}
        command = ["env", *(f"{name}={value}" for name, value in variables.items()), *job]
        with (self.home / "job.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        try:
            yield process
            process.wait(timeout=600)
        finally:
            process.kill()
            process.wait()

    def outcome(self) -> Outcome:
        """Return what the latest run has done."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            (latest,) = instance.get_runs(limit=1)
            return Outcome.of(instance, latest.run_id)


@pytest.fixture
def workplace(
    depot: Depot, tmp_path: Path, dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Workplace:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("depot", "defs"):
        shutil.copytree(depot.project.parent / name, tmp_path / name)
    return Workplace(replace(depot, project=tmp_path / "depot"), dagster_home)


def test_a_plan_that_is_applied_during_a_run(workplace: Workplace) -> None:
    depot = workplace.depot
    with workplace.running(), depot.closed("staging.orders"):
        depot.wait_for_gate("staging.orders")
        tiers = depot.project / TIERS
        text = tiers.read_text(encoding="utf-8").replace("s.score", "s.score + 0 AS score")
        tiers.write_text(text, encoding="utf-8")
        added = depot.project / "models" / "staging" / "added.sql"
        added.write_text(model("staging.added"), encoding="utf-8")
        workplace.sqlmesh("plan", "--auto-apply", "--no-prompts", "--skip-tests")
    outcome = workplace.outcome()

    assert outcome.failure == ""
    assert any("SQLMesh restarted because the environment changed" in m for m in outcome.messages)
    assert any("not in the generated package: 1 model (" in m for m in outcome.messages)
    assert sorted(outcome.materialized) == sorted(MODELS)  # each of them once
    assert set(outcome.status.values()) == {"evaluated"}
    depot.require_complete(day(0))


def test_an_environment_that_is_invalidated_during_a_run(workplace: Workplace) -> None:
    depot = workplace.depot
    before = depot.missing(day(0))
    # A run of `dev` leaves models without a change to prod.
    orders = depot.project / ORDERS
    text = orders.read_text(encoding="utf-8").replace("amount FROM", "amount + 0 AS amount FROM")
    orders.write_text(text, encoding="utf-8")
    workplace.sqlmesh("plan", "dev", "--auto-apply", "--no-prompts", "--skip-tests")
    with workplace.running("dev"), depot.closed("staging.orders"):
        depot.wait_for_gate("staging.orders")
        workplace.sqlmesh("invalidate", "dev", "--sync")
    outcome = workplace.outcome()

    # In the log: the package of other tests has a retry, which finds no environment.
    assert any("Environment 'dev' was not found" in message for message in outcome.messages)
    # Nothing is said of models that SQLMesh did not reach.
    assert set(outcome.status.values()) <= {"evaluated"}
    assert set(outcome.materialized) <= CHANGED
    assert depot.missing(day(0)) == before
    with workplace.running("dev"):
        pass
    assert "'dev' was never planned" in workplace.outcome().failure
    workplace.jobs.run("sqlmesh_job", {})
    assert workplace.outcome().failure == ""
    depot.require_complete(day(0))


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ("schema_version = schema_version - 1", " migrate`."),
        ("schema_version = schema_version + 1", "Run `pip install sqlmesh=="),
        ("sqlmesh_version = '0.999.0'", "Run `pip install sqlmesh==0.999.0 sqlglot=="),
    ],
)
def test_a_state_of_another_sqlmesh_version(workplace: Workplace, change: str, remedy: str) -> None:
    depot = workplace.depot
    before = depot.missing(day(0))
    # The state is not read with a changed version, so it is put back before it is compared.
    versions = depot.postgres.query(
        "SELECT schema_version, sqlmesh_version FROM sqlmesh._versions", STATE
    )
    depot.postgres.execute(f"UPDATE sqlmesh._versions SET {change}", STATE)
    workplace.jobs.run("sqlmesh_job", {})
    outcome = workplace.outcome()
    schema, version = versions[0]
    back = f"schema_version = {schema}, sqlmesh_version = '{version}'"
    depot.postgres.execute(f"UPDATE sqlmesh._versions SET {back}", STATE)

    assert "The SQLMesh state and the installed SQLMesh do not match" in outcome.failure
    assert remedy in outcome.failure
    assert outcome.materialized == []
    assert outcome.status == {}
    assert depot.missing(day(0)) == before
