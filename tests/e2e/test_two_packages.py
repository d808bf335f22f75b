"""Two SQLMesh projects in one `dg` project, and two packages that are merged by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from e2e.dg_project import BIN, TYPE, DgProject, asset_keys
from e2e.server.processes import Processes, script
from e2e.shop import run
from e2e.waiting import wait_until
from packages import on_disk
from projects import model, write_project

pytestmark = [
    pytest.mark.xdist_group("two packages"),
    pytest.mark.skipif(not (BIN / "dg").exists(), reason="no dagster-dg-cli for this Dagster"),
]
CONFIG = """
gateways:
  local:
    connection: {{type: duckdb, database: {database}}}
default_gateway: local
model_defaults: {{dialect: duckdb, start: 2026-11-01, cron: "@daily"}}
disable_anonymized_analytics: true
"""
PROJECTS = ("shop", "bank")
GENERATE = (sys.executable, "-m", "dg_sqlmesh_codegen")
MERGED = """
import dagster as dg

from bank_defs import definitions as bank
from shop_defs import definitions as shop

defs = dg.Definitions.merge(bank.defs, shop.defs)
"""


def key(name: str, view: str) -> dg.AssetKey:
    return dg.AssetKey([name, "work", view])


def planned(folder: Path, name: str) -> Path:
    """Write a project of two models, planned in the past, so that both are due."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    models = {f"models/{each}.sql": model(f"work.{each}", kind="FULL") for each in "ab"}
    config = CONFIG.format(database=folder / f"{name}.db")
    project = write_project(folder / name, models, config=config)
    context = Context(paths=[str(project)])
    context.plan(auto_apply=True, no_prompts=True, skip_tests=True, execution_time="2026-11-04")
    context.close()
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DgProject:
    """A `dg` project with two components, each of a project of its own."""
    made = DgProject.create(tmp_path_factory.mktemp("two"))
    for name in PROJECTS:
        folder = planned(made.folder, name)
        made.succeed("scaffold", "defs", TYPE, name, "--project-path", str(folder))
    return made


@pytest.mark.process
def test_the_second_component_gets_a_name(project: DgProject) -> None:
    assert "name:" not in (project.defs / "shop" / "defs.yaml").read_text()
    assert "  name: bank\n" in (project.defs / "bank" / "defs.yaml").read_text()
    run([*GENERATE, "--check"], project.folder)


@pytest.mark.process
def test_dg_lists_checks_and_launches_both(project: DgProject) -> None:
    found = project.definitions()
    assert asset_keys(found) == {f"{name}/work/{each}" for name in PROJECTS for each in "ab"}
    jobs = {job["name"] for job in found["jobs"]}
    assert jobs >= {"sqlmesh_job", "sqlmesh_sync_job", "bank_job", "bank_sync_job"}
    schedules = {schedule["name"] for schedule in found["schedules"]}
    assert schedules == {"sqlmesh_adaptive_schedule", "bank_schedule"}
    project.succeed("check", "defs")
    project.succeed("check", "yaml")

    project.succeed("launch", "--assets", "shop/work/a,bank/work/a")

    with dg.DagsterInstance.from_config(str(project.home)) as instance:
        assert [each.is_success for each in instance.get_runs()] == [True]
        assert all(instance.get_latest_materialization_event(key(each, "a")) for each in PROJECTS)


@pytest.mark.process
def test_one_name_for_both_is_refused_and_nothing_is_written(project: DgProject) -> None:
    file = project.defs / "bank" / "defs.yaml"
    before, files = file.read_text(), on_disk(project.defs)
    file.write_text(before.replace("  name: bank\n", ""))
    both, alone = (
        subprocess.run(
            [*GENERATE, *options], cwd=project.folder, capture_output=True, text=True, check=False
        )
        for options in ((), ("-o", str(project.defs / "bank")))
    )
    file.write_text(before)

    for done in (both, alone):
        assert done.returncode == 2
        assert (
            "error: the packages src/shop_project/defs/bank and src/shop_project/defs/shop of one "
            "code location have the job sqlmesh_job (and 4 more) in common. Set `name`"
        ) in done.stderr
    assert on_disk(project.defs) == files


@pytest.mark.server
def test_the_daemon_runs_both_schedules(project: DgProject) -> None:
    files = [project.defs / name / "definitions.py" for name in PROJECTS]
    texts = [file.read_text() for file in files]
    for file, text in zip(files, texts, strict=True):
        daily = 'cron_schedule="0 0 * * *"'
        assert daily in text
        running = "default_status=dg.DefaultScheduleStatus.RUNNING"
        file.write_text(text.replace(daily, f'cron_schedule="* * * * *", {running}'))
    daemon = Processes(project.folder, project.environment)
    try:
        daemon.start_daemon("-m", "shop_project.definitions")
        with dg.DagsterInstance.from_config(str(project.home)) as instance:

            def materialized() -> bool:
                daemon.require("daemon")
                keys = [key(each, "b") for each in PROJECTS]
                return all(map(instance.get_latest_materialization_event, keys))

            wait_until(materialized, "a scheduled run of both packages")
            filters = dg.RunsFilter(tags={"dagster/schedule_name": "bank_schedule"})
            scheduled = instance.get_runs(filters)
    finally:
        daemon.stop_all()
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
    assert {each.job_name for each in scheduled} == {"bank_job"}


@pytest.mark.process
def test_two_packages_that_are_merged_by_hand(tmp_path: Path) -> None:
    for name in PROJECTS:
        folder = planned(tmp_path, name)
        options = ["-o", str(tmp_path / f"{name}_defs"), "--set", f"name={name}", "--quiet"]
        assert main([str(folder), *options]) == 0
    (tmp_path / "merged.py").write_text(MERGED)
    (tmp_path / "home").mkdir()
    home = {"DAGSTER_HOME": str(tmp_path / "home")}
    (tmp_path / "home" / "dagster.yaml").touch()

    run([script("dagster"), "definitions", "validate", "-m", "merged"], tmp_path, **home)
    for name in PROJECTS:
        job = [script("dagster"), "job", "execute", "-m", "merged", "-j", f"{name}_job"]
        run(job, tmp_path, **home)

    with dg.DagsterInstance.from_config(home["DAGSTER_HOME"]) as instance:
        assert [each.is_success for each in instance.get_runs()] == [True, True]
        assert all(instance.get_latest_materialization_event(key(each, "b")) for each in PROJECTS)
