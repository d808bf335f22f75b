"""The component in a real `dg` project, made and used with `dg` as a user would."""

from __future__ import annotations

import shutil
import sys

import dagster as dg
import pytest

from e2e.dg_project import BIN, TYPE, DgProject, asset_keys
from e2e.outcome import Outcome
from e2e.shop import run

MODEL = dg.AssetKey(["warehouse", "starter", "cities_per_country"])

pytestmark = [
    pytest.mark.process,
    pytest.mark.xdist_group("component"),
    pytest.mark.skipif(not (BIN / "dg").exists(), reason="no dagster-dg-cli for this Dagster"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DgProject:
    return DgProject.create(tmp_path_factory.mktemp("dg"))


@pytest.fixture(scope="module")
def scaffolded(project: DgProject) -> DgProject:
    """The project with a component and a SQLMesh project that is planned."""
    project.succeed("scaffold", "defs", TYPE, "transform", "--init", "true")
    sqlmesh = [str(BIN / "sqlmesh"), "-p", str(project.folder / "sqlmesh_project"), "plan"]
    # Planned in the past, so that something is due.
    run([*sqlmesh, "--auto-apply", "--no-prompts", "--execution-time", "2026-11-04"], project.home)
    return project


def test_scaffolding_writes_the_defs_and_the_package(scaffolded: DgProject) -> None:
    folder = scaffolded.defs / "transform"
    assert (folder / "defs.yaml").read_text() == (
        f"type: {TYPE}\n\nattributes:\n  sqlmesh_config:\n"
        "    project_path: '{{ context.project_root }}/sqlmesh_project'\n"
    )
    assert (folder / "models/warehouse/starter/cities_per_country.py").is_file()
    # The generator reads the same file: nothing else has to be said.
    generate = [sys.executable, "-m", "dg_sqlmesh_codegen", "-o", str(folder), "--check"]
    run(generate, scaffolded.home)
    # In the `dg` project the command finds it.
    run([sys.executable, "-m", "dg_sqlmesh_codegen", "--check"], scaffolded.folder)


def test_dg_lists_checks_and_launches(scaffolded: DgProject) -> None:
    expected = {"warehouse/starter/cities", MODEL.to_user_string()}
    assert asset_keys(scaffolded.definitions()) == expected
    scaffolded.succeed("check", "defs")
    scaffolded.succeed("check", "yaml")

    scaffolded.succeed("launch", "--assets", MODEL.to_user_string())

    with dg.DagsterInstance.from_config(str(scaffolded.home)) as instance:
        assert instance.get_latest_materialization_event(MODEL)
        (latest,) = instance.get_runs(limit=1)
        assert latest.is_success


def test_the_deployment_says_the_environment(scaffolded: DgProject) -> None:
    file = scaffolded.defs / "transform" / "defs.yaml"
    before = file.read_text()
    file.write_text(f"{before}    environment: \"{{{{ env('STAGE', 'prod') }}}}\"\n")
    done = scaffolded.dg("launch", "--assets", MODEL.to_user_string(), STAGE="dev_ana")
    file.write_text(before)

    assert done.returncode != 0
    # Older releases of `dg launch` do not print the error.
    with dg.DagsterInstance.from_config(str(scaffolded.home)) as instance:
        (latest,) = instance.get_runs(limit=1)
        failure = Outcome.of(instance, latest.run_id).failure
    assert "The SQLMesh environment 'dev_ana' was never planned" in failure


def test_a_package_that_is_missing_is_asked_for(scaffolded: DgProject) -> None:
    folder = scaffolded.defs / "empty"
    folder.mkdir()
    text = f"type: {TYPE}\nattributes: {{sqlmesh_config: {{project_path: ../nowhere}}}}\n"
    (folder / "defs.yaml").write_text(text)
    done = scaffolded.dg("check", "defs")
    shutil.rmtree(folder)

    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert f"Run: python -m dg_sqlmesh_codegen -o {folder}" in said


def test_scaffolding_without_a_project_writes_nothing(project: DgProject) -> None:
    done = project.dg("scaffold", "defs", TYPE, "other")

    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "no SQLMesh project is given. Add --project-path PATH" in said
    assert not (project.defs / "other").exists()  # so the command can be repeated


def test_the_package_alone_loads_in_the_same_folder(scaffolded: DgProject) -> None:
    """Last, as it removes the component: the modules are definitions of their own."""
    (scaffolded.defs / "transform" / "defs.yaml").unlink()

    found = scaffolded.definitions()
    assert asset_keys(found) == {
        "warehouse/starter/cities",
        MODEL.to_user_string(),
    }
    assert [schedule["name"] for schedule in found["schedules"]] == ["sqlmesh_adaptive_schedule"]

    # Of the folder above: with a definitions.py in it, `load_defs` fails in Dagster 1.11 and 1.12.
    script = (
        "import dagster as dg, shop_project.defs as defs, pathlib; "
        f"found = dg.load_defs(defs, project_root=pathlib.Path({str(scaffolded.folder)!r})); "
        "print(len(found.resolve_asset_graph().get_all_asset_keys()))"
    )
    path = str(scaffolded.folder / "src")
    done = run([sys.executable, "-c", script], scaffolded.home, PYTHONPATH=path)
    assert done.stdout.strip() == "2"
