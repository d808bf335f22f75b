"""Small projects of a test's own: written, planned by SQLMesh and generated, in this process."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import dagster as dg
import duckdb

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e.outcome import Outcome
from e2e.shop import PLANNED_AT, Shop, run_at
from projects import write_project

# One day before the plan, so that the plan has something to evaluate.
FIRST_DAY = "2026-11-03"
_numbers = itertools.count()
# A gateway `local` in the file that `Shop.database` names.
CONFIG = """
gateways:
  local:
    connection: {{type: duckdb, database: {database!r}, concurrent_tasks: {tasks}}}
{gateways}
default_gateway: local
model_defaults: {{dialect: duckdb, start: {start}, cron: "@daily"}}
disable_anonymized_analytics: true
"""


def make(
    folder: Path,
    files: Mapping[str, str],
    *,
    tasks: int = 1,
    sql: str = "",
    gateways: str = "",
) -> Shop:
    """Write a project, run `sql` in its database, plan it as of `PLANNED_AT` and generate it."""
    shop = Shop(folder)
    config = CONFIG.format(
        database=str(shop.database), tasks=tasks, start=FIRST_DAY, gateways=gateways
    )
    write_project(shop.project, files, config=config)
    if sql:
        execute(shop, sql)
    plan(shop)
    generate(shop)
    return shop


def plan(shop: Shop, at: str = PLANNED_AT) -> None:
    """Promote what is in the project's files."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    context = Context(paths=[str(shop.project)])
    try:
        context.plan("prod", auto_apply=True, no_prompts=True, execution_time=at, skip_tests=True)
    finally:
        context.close()


def generate(shop: Shop) -> None:
    """Write the package of what is in the project's files, under a name that no other test has."""
    there = next(shop.folder.glob("defs*"), None)
    out = there or shop.folder / f"defs_of_{next(_numbers)}"
    assert main([str(shop.project), "-o", str(out), "--quiet"]) == 0


def retry_once(shop: Shop) -> None:
    """Give the generated op a retry policy: whether a failure allows a retry is then seen."""
    definitions = shop.package / "definitions.py"
    text = definitions.read_text(encoding="utf-8")
    policy = "retry_policy=dg.RetryPolicy(max_retries=1),\n    can_subset=True"
    definitions.write_text(text.replace("can_subset=True", policy), encoding="utf-8")


def execute(shop: Shop, sql: str) -> None:
    """Run statements in the project's database."""
    with duckdb.connect(str(shop.database)) as connection:
        connection.execute(sql)


def intervals(shop: Shop) -> dict[str, int]:
    """Return how many intervals SQLMesh's state holds of each model, by `schema.name`."""
    with duckdb.connect(str(shop.database), read_only=True) as connection:
        rows = connection.execute(
            "SELECT name, COUNT(*) FROM sqlmesh._intervals WHERE NOT is_removed GROUP BY 1"
        ).fetchall()
    return {".".join(name.replace('"', "").split(".")[1:]): count for name, count in rows}


@contextmanager
def job(shop: Shop, config: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `dagster job execute` of the generated job meanwhile; needs a DAGSTER_HOME."""
    dagster = str(Path(sys.executable).parent / "dagster")
    module = f"{shop.package.name}.definitions"
    with subprocess.Popen(
        [dagster, "job", "execute", "-m", module, "-j", "sqlmesh_job", "-c", str(config)],
        cwd=shop.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def materialize(
    shop: Shop,
    at: str,
    resource: SQLMeshResource | None = None,
    *,
    selection: str | None = None,
    instance: dg.DagsterInstance | None = None,
) -> Outcome:
    """Run the models in this process as of a time, and return what happened and what was logged."""
    module = shop.definitions()
    there = nullcontext(instance) if instance else dg.DagsterInstance.ephemeral()
    with there as used:
        result = dg.materialize(
            [module.sqlmesh_models],
            resources={"sqlmesh": resource or module.defs.resources["sqlmesh"]},
            run_config=run_at(at),
            selection=selection,
            raise_on_error=False,
            instance=used,
        )
        outcome = Outcome.of(result.all_events)
        outcome.messages = [entry.user_message for entry in used.all_logs(result.run_id)]
    return outcome


def last_outcome() -> tuple[dg.DagsterRun, Outcome]:
    """Return the newest run of the instance, and what it recorded."""
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        entries = instance.all_logs(run.run_id)
    outcome = Outcome.of(entry.dagster_event for entry in entries if entry.dagster_event)
    outcome.messages = [entry.user_message for entry in entries]
    return run, outcome
