"""Small projects, planned by SQLMesh and generated in this process.

A project is planned once, however many tests use it; each gets a copy of its folder and database.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from dg_sqlmesh_codegen.cli.app import main
from e2e.shop import PLANNED_AT, Shop
from projects import write_project

# One day before the plan, so that the plan has something to evaluate.
FIRST_DAY = "2026-11-03"
_numbers = itertools.count()
_planned_projects = tempfile.TemporaryDirectory(prefix="dg-sqlmesh-codegen-planned-")
# A gateway `local` in the file that `Shop.database` names: see the fixture `workplace`.
CONFIG = """
gateways:
  local:
    connection:
      {{type: duckdb, database: "{{{{ env_var('SHOP_DATABASE') }}}}", concurrent_tasks: {tasks}}}
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
    """Make a project in whose database `sql` has run, planned as of `PLANNED_AT` and generated.

    Args:
        folder: the fixture `workplace`.
        files: the project's files but for `config.yaml`, by path relative to its folder.
        tasks: how many models SQLMesh evaluates at a time.
        sql: statements that run in the database before the plan.
        gateways: further gateways and connections of `config.yaml`.
    """
    config = CONFIG.format(tasks=tasks, start=FIRST_DAY, gateways=gateways)
    return copy(_planned(tuple(files.items()), config, sql), folder)


@functools.cache
def _planned(files: tuple[tuple[str, str], ...], config: str, sql: str) -> Shop:
    shop = Shop(Path(tempfile.mkdtemp(dir=_planned_projects.name)))
    write_project(shop.project, dict(files), config=config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATABASE", str(shop.database))
        patch.chdir(shop.folder)
        execute(shop, sql)
        plan(shop)
        generate(shop)
    return shop


def copy(planned: Shop, folder: Path) -> Shop:
    """Copy a project, its database and its package, which gets a name that no other test has."""
    shop = Shop(folder)
    shutil.copytree(planned.project, shop.project)
    shutil.copytree(planned.package, folder / f"defs_{next(_numbers)}")
    shutil.copy(planned.database, shop.database)
    return shop


def plan(shop: Shop, at: str = PLANNED_AT, environment: str = "prod") -> None:
    """Promote what is in the project's files."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    context = Context(paths=[str(shop.project)])
    try:
        context.plan(
            environment, auto_apply=True, no_prompts=True, execution_time=at, skip_tests=True
        )
    finally:
        context.close()


def generate(shop: Shop) -> None:
    """Write the package of what is in the project's files."""
    out = next(shop.folder.glob("defs*"), shop.folder / "defs")
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


def query(shop: Shop, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query; DuckDB refuses while another process has the database open."""
    with duckdb.connect(str(shop.database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def intervals(shop: Shop) -> dict[str, int]:
    """Return how many intervals SQLMesh's state holds of each model, by `schema.name`."""
    rows = query(
        shop, "SELECT name, COUNT(*) FROM sqlmesh._intervals WHERE NOT is_removed GROUP BY 1"
    )
    counts = {str(name): int(str(count)) for name, count in rows}
    return {".".join(name.replace('"', "").split(".")[1:]): n for name, n in counts.items()}


@contextmanager
def job(shop: Shop, config: Path, name: str = "sqlmesh_job") -> Iterator[subprocess.Popen[str]]:
    """Run `dagster job execute` of a generated job meanwhile; needs a DAGSTER_HOME."""
    dagster = str(Path(sys.executable).parent / "dagster")
    module = f"{shop.package.name}.definitions"
    with subprocess.Popen(
        [dagster, "job", "execute", "-m", module, "-j", name, "-c", str(config)],
        cwd=shop.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
