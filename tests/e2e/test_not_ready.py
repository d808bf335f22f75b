"""What a run says when the project, its state or the environment is not ready."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.shop import Shop, materialize
from projects import model, write_project

pytestmark = pytest.mark.dagster


def failure(shop: Shop, resource: SQLMeshResource | None = None, *, retries: int = 0) -> str:
    """Run with a policy of one retry, require as many as given, and return the failure."""
    workshop.retry_once(shop)
    outcome = materialize(shop, resource=resource)
    (data,) = outcome.step_failures
    assert data.user_failure_data is not None
    assert outcome.retries == retries
    assert outcome.materialized == []
    return outcome.failure


def test_an_environment_that_was_never_planned(shop: Shop) -> None:
    resource = SQLMeshResource(project_dir=str(shop.project), environment="staging")

    message = failure(shop, resource)

    assert "'staging' was never planned" in message
    assert f"`sqlmesh -p {shop.project} plan staging`" in message


@pytest.mark.parametrize(("given", "name"), [("a b;c", "a_b_c"), ("PR_1", "pr_1")])
def test_an_environment_that_sqlmesh_calls_otherwise(shop: Shop, given: str, name: str) -> None:
    resource = SQLMeshResource(project_dir=str(shop.project), environment=given)

    assert failure(shop, resource) == (
        f"SQLMesh calls the environment {given!r} {name!r}. Set DG_SQLMESH_ENVIRONMENT, or "
        f"`environment` of the SQLMeshResource, to {name}."
    )


def test_a_state_that_does_not_exist_is_not_created(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = shop.folder / "elsewhere" / "shop.duckdb"
    elsewhere.parent.mkdir()
    monkeypatch.setenv("SHOP_DATABASE", str(elsewhere))

    message = failure(shop)

    assert "'prod' was never planned" in message
    assert f"(the state is expected in {elsewhere})" in message
    with duckdb.connect(str(elsewhere)) as connection:
        assert connection.execute("SHOW ALL TABLES").fetchall() == []


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ("schema_version = schema_version - 1", "Run `sqlmesh -p {project} migrate`."),
        ("sqlmesh_version = '0.1.2'", "Run `sqlmesh -p {project} migrate`."),
        ("schema_version = schema_version + 1", "Run `pip install sqlmesh=="),
        ("sqlmesh_version = '99.0.1'", "Run `pip install sqlmesh==99.0.1 sqlglot=="),
    ],
)
def test_a_state_of_another_sqlmesh_version(shop: Shop, change: str, remedy: str) -> None:
    with duckdb.connect(str(shop.database)) as connection:
        connection.execute(f"UPDATE sqlmesh._versions SET {change}")  # noqa: S608 - constants

    message = failure(shop)

    assert "do not match" in message
    assert remedy.format(project=shop.project) in message
    assert message.count("migrate") == remedy.count("migrate")


def test_a_project_that_is_missing_or_refused(shop: Shop) -> None:
    (shop.project / "config.yaml").write_text("gateways: nonsense\n", encoding="utf-8")
    message = failure(shop)
    assert "SQLMesh cannot load the project" in message
    assert "info` to see the whole error" in message

    shutil.rmtree(shop.project)
    message = failure(shop)
    assert f"The SQLMesh project folder {shop.project} is missing." in message
    assert "`project_dir`" in message


def test_a_time_that_makes_no_sense(shop: Shop) -> None:
    outcome = materialize(shop, start="2026-11-09")
    assert "The start '2026-11-09' is after the end '2026-11-06'" in outcome.failure


# As `sqlmesh init duckdb` writes it.
RELATIVE = """
gateways: {local: {connection: {type: duckdb, database: db.db}}}
model_defaults: {dialect: duckdb, start: 2026-11-03, cron: '@daily'}
"""


def test_a_relative_path_is_that_of_the_projects_folder(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(workplace)
    write_project(shop.project, {"models/a.sql": model("work.a", kind="FULL")}, config=RELATIVE)
    workshop.generate(shop)

    # The remedy makes the file where the next run looks for it, wherever that run stands.
    command = f"run `cd {shop.project} && sqlmesh -p {shop.project} plan prod`"
    assert command in materialize(shop).failure
    with monkeypatch.context() as patch:
        patch.chdir(shop.project)
        workshop.plan(shop)
    assert materialize(shop).materialized == ["work.a"]
    assert list(workplace.glob("*.db")) == []

    # Nothing makes an environment in memory last.
    write_project(shop.project, {}, config=RELATIVE.replace("db.db", "':memory:'"))
    failure = materialize(shop).failure
    assert "the state is in memory, and no other process can read it" in failure
    assert "plan prod`" not in failure


@pytest.mark.process
def test_a_state_that_another_process_holds_is_not_taken_for_none(shop: Shop) -> None:
    code = f"import duckdb; held = duckdb.connect({str(shop.database)!r}); print('held'); input()"
    with subprocess.Popen(
        [sys.executable, "-uc", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        message = failure(shop, retries=1)  # which may pass
        holder.communicate("\n")

    assert "Another process is using SQLMesh's state" in message
    assert "never planned" not in message
