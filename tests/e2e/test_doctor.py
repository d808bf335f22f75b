"""The doctor on real installations."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from dg_sqlmesh_codegen.cli.app import main as generator
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from dg_sqlmesh_codegen.runtime.concurrency.exclusivity import POOL
from dg_sqlmesh_codegen.runtime.doctor import doctor, main
from dg_sqlmesh_codegen.runtime.findings import Severity
from e2e import workshop
from e2e.shop import Shop, run
from projects import model, write_project

pytestmark = pytest.mark.dagster

LIMITED = """
concurrency: {pools: {default_limit: 1}}
run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}
telemetry: {enabled: false}
"""


# A server that does not run, and a file that does not exist: looking for it must not make it.
AWAY = "{type: postgres, host: 127.0.0.1, port: 9, user: me, password: '', database: state}"
NOWHERE = "{{type: duckdb, database: '{}/nowhere.db'}}"
CONFIG = """
gateways:
  away:
    connection: {{type: duckdb}}
    state_connection: {}
model_defaults: {{dialect: duckdb}}
"""


@pytest.fixture
def quick(workplace: Path) -> Shop:
    return workshop.make(workplace, {"models/a.sql": model("work.a", kind="FULL")})


@pytest.mark.process
@pytest.mark.parametrize(
    ("options", "pool"),
    [((), POOL), (("--set", "name=finance", "--set", "pool=bank"), "bank")],
)
def test_a_good_installation(quick: Shop, options: tuple[str, ...], pool: str) -> None:
    assert generator([str(quick.project), "-o", str(quick.package), "-q", *options]) == 0
    home = quick.folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(LIMITED, encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SCHEDULER", "mine"))
    command = [sys.executable, "-m", "dg_sqlmesh_codegen.runtime.doctor", quick.package.name]
    done = run(command, quick.folder, DAGSTER_HOME=str(home))

    # An old SQLMesh leaves out a part.
    lines = [each for each in done.stdout.splitlines() if "Upgrade SQLMesh" not in each]
    assert all(line.startswith("ok: ") for line in lines), done.stdout
    assert any(f"the pool {pool} is limited to 1" in line for line in lines)
    assert any("'prod' can be read; promoted: 1 model" in line for line in lines)
    assert "ok: the promoted models match the generated package" in lines


def test_what_is_wrong_is_said_with_its_remedy(quick: Shop) -> None:
    for name in ("a", "unknown"):
        text = model(f"work.{name}", "SELECT 2 AS id", kind="FULL")
        (quick.project / "models" / f"{name}.sql").write_text(text, encoding="utf-8")
    workshop.plan(quick)
    module = quick.definitions()
    resource = module.defs.resources["sqlmesh"]
    with dg.instance_for_test() as instance:
        found = doctor(module.MODELS, resource, instance)
    told = "\n".join(map(str, found))

    assert "warning: the pool sqlmesh_jobs_exclusive is not limited" in told
    assert "default_limit: 1" in told
    assert "`run_monitoring: {enabled: true, free_slots_after_run_end_seconds: 60}`" in told
    assert "warning: The promoted version differs from the generated package" in told
    assert "(shop.work.unknown). Generate it again" in told
    assert not any("\n" in str(finding) for finding in found)
    assert all(finding.remedy for finding in found if finding.severity is not Severity.OK)


def test_freshness_that_dagster_does_not_show(quick: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    module = quick.definitions()
    late = [replace(each, freshness="25h") for each in module.MODELS]
    monkeypatch.delitem(vars(dg), "FreshnessPolicy", raising=False)
    found = {
        str(each) for each in doctor(late, SQLMeshResource(project_dir=str(quick.project)), None)
    } - {str(each) for each in doctor(module.MODELS, module.defs.resources["sqlmesh"], None)}

    assert found == {
        "warning: the package has freshness policies, and this version of Dagster shows none. "
        "Upgrade Dagster to 1.12 or later."
    }


def test_a_slot_that_a_killed_run_has_kept() -> None:
    with dg.instance_for_test(overrides={"concurrency": {"pools": {"default_limit": 1}}}) as there:
        run_id = dg.materialize([dies], instance=there, raise_on_error=False).run_id
        there.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        there.event_log_storage.claim_concurrency_slot(POOL, run_id, "sqlmesh_models")
        found = doctor([], SQLMeshResource(project_dir="/nowhere"), there)
    (finding,) = [each for each in found if run_id in each.what]

    assert finding.severity is Severity.PROBLEM
    assert finding.what.startswith(f"run {run_id} (failure) holds a slot of the pool {POOL}")
    assert "free its slot" in finding.remedy


@dg.asset
def dies() -> None:
    raise RuntimeError("killed")


def test_a_state_that_is_not_there(quick: Shop) -> None:
    module = quick.definitions()
    resource = SQLMeshResource(project_dir=str(quick.project), environment="staging")
    found = doctor(module.MODELS, resource, None)

    assert [finding.severity for finding in found] == [Severity.WARNING, Severity.PROBLEM]
    assert "DAGSTER_HOME is not set" in found[0].what
    assert "'staging' was never planned" in found[1].what
    assert "plan staging`" in found[1].what


@pytest.mark.parametrize(
    ("state", "what", "remedy"),
    [
        (AWAY, "state cannot be read", "`sqlmesh -p {}/project info`"),
        (NOWHERE, "never planned (the state is expected in {}/nowhere.db)", "plan prod`"),
    ],
)
def test_a_state_that_cannot_be_read(workplace: Path, state: str, what: str, remedy: str) -> None:
    config = CONFIG.format(state.format(workplace) if state == NOWHERE else state)
    project = write_project(workplace / "project", {}, config=config)
    found = doctor([], SQLMeshResource(project_dir=str(project)), None)

    assert found[-1].severity is Severity.PROBLEM
    assert what.format(workplace) in found[-1].what
    assert remedy.format(workplace) in str(found[-1])
    assert "\n" not in str(found[-1])
    assert not (workplace / "nowhere.db").exists()


def test_a_dagster_home_that_is_missing(
    quick: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(quick.folder / "nowhere")
    monkeypatch.setenv("DAGSTER_HOME", home)

    assert main([quick.package.name]) == 1
    problem, *others = capsys.readouterr().out.splitlines()
    assert problem.startswith("problem: a part of the installation cannot be examined: ")
    assert home in problem
    assert "Check DAGSTER_HOME" in problem
    assert others[-1] == "ok: the promoted models match the generated package"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be imported: ModuleNotFoundError: No module named 'defs'"),
        ("raise ValueError('no')", "cannot be imported: ValueError: no"),
    ],
)
def test_a_package_that_cannot_be_imported(
    workplace: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    name = "defs" if text is None else "broken_defs"
    if text:
        (workplace / name).mkdir()
        (workplace / name / "definitions.py").write_text(text, encoding="utf-8")

    assert main([name]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"problem: the package {name} ")
    assert said in line
    assert "Generate it with `python -m dg_sqlmesh_codegen`" in line
