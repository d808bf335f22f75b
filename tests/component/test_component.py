"""The component's attributes, and which of them apply when its package is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

import dagster as dg
import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import dg_sqlmesh_codegen
from dg_sqlmesh_codegen.component.component import (
    SQLMeshProjectComponent,
    in_environment,
    stale,
    with_resource,
)
from dg_sqlmesh_codegen.config import resolve
from dg_sqlmesh_codegen.config.defs_yaml import COMPONENT
from dg_sqlmesh_codegen.config.layer import COMMAND_LINE, Layer
from dg_sqlmesh_codegen.config.model import FIELDS, KEYS, Config
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from projects import model, write_project

DG_SQLMESH = {
    "sqlmesh_config": {"project_path": "p", "gateway": "g", "environment": "dev"},
    "concurrency_jobs_limit": 2,
    "default_group_name": "transform",
    "op_tags": {"team": "data"},
    "schedule_name": "nightly",
    "enable_schedule": True,
    "external_asset_mapping": "target/main/{node.name}",
}
SCHEMA = Draft202012Validator(SQLMeshProjectComponent.model().model_json_schema())


def component(**attributes: object) -> SQLMeshProjectComponent:
    """Return the component of a defs.yaml with these attributes; its schema accepts them."""
    assert not [error.message for error in SCHEMA.iter_errors(attributes)]
    return SQLMeshProjectComponent.from_attributes_dict(attributes=attributes)


def generator(folder: Path, attributes: dict[str, object]) -> dict[str, object]:
    """Return what the generator reads from a defs.yaml with these attributes."""
    (folder / "defs").mkdir()
    text = yaml.safe_dump({"type": COMPONENT, "attributes": attributes})
    (folder / "defs" / "defs.yaml").write_text(text, encoding="utf-8")
    typed = {"projects": str(folder), "out": str(folder / "defs")}
    origins = resolve.load(Layer(COMMAND_LINE, None, typed)).origins
    return {each.key: each.value for each in origins if each.where.endswith("defs.yaml")}


def test_every_key_of_the_configuration_is_an_attribute() -> None:
    properties = SCHEMA.schema["properties"]
    ours = {"sqlmesh_config", "concurrency_jobs_limit", "default_group_name"}
    assert {*properties} == {*KEYS} - {"out"} | ours
    nested = {"project_path", "gateway", "environment"}
    assert {*properties["sqlmesh_config"]["properties"]} == nested
    for key, info in FIELDS.items():
        if key != "out":
            assert properties[key]["description"] == info.description


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("out", "projects")])
def test_the_component_and_the_generator_accept_the_same(key: str, tmp_path: Path) -> None:
    for number, example in enumerate(FIELDS[key].examples or ()):
        value = str(tmp_path) if key == "templates" else example
        (tmp_path / str(number)).mkdir()
        read = generator(tmp_path / str(number), {key: value})
        assert component(**{key: value}).settings == read


def test_every_attribute_of_dg_sqlmesh_is_accepted() -> None:
    assert component(**DG_SQLMESH).settings == {
        "projects": (Path("p"),),
        "gateway": "g",
        "environment": "dev",
        "concurrent_tasks": 2,
        "group_name": "transform",
        "op_tags": {"team": "data"},
        "schedule_name": "nightly",
        "enable_schedule": True,
        "external_asset_mapping": "target/main/{node.name}",
    }


def test_nested_op_tags_are_accepted_by_both(tmp_path: Path) -> None:
    # What Dagster passes on to Kubernetes.
    limits = {"container_config": {"resources": {"limits": {"cpu": "{{ 1 + 1 }}"}}}}
    rendered = {"container_config": {"resources": {"limits": {"cpu": 2}}}}

    assert component(op_tags={"dagster-k8s/config": limits}).settings == {
        "op_tags": {"dagster-k8s/config": rendered}
    }
    assert generator(tmp_path, {"op_tags": {"dagster-k8s/config": limits}}) == {
        "op_tags": {"dagster-k8s/config": rendered}
    }


def test_templates_are_rendered_by_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKS", "3")
    template = "{{ node.schema | lower }}/{node.name}"
    loaded = component(
        concurrent_tasks="{{ env.TASKS }}",
        retry_policy={"max_retries": "{{ env.TASKS }}"},
        owners=["{{ 'team:data' }}"],
        # The generator renders it, for each table.
        external_asset_mapping=template,
        # Dagster would make a number of it.
        group_name="2026",
    )

    assert loaded.settings["concurrent_tasks"] == 3
    assert loaded.settings["retry_policy"].max_retries == 3  # type: ignore[attr-defined]
    assert loaded.settings["owners"] == ("team:data",)
    assert loaded.settings["external_asset_mapping"] == template
    assert loaded.settings["group_name"] == "2026"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"project_pth": "p"}, "attributes: unknown key project_pth. Did you mean projects?"),
        ({"gruop_name": "a"}, "attributes: unknown key gruop_name. Did you mean group_name?"),
        (
            {"sqlmesh_config": {"project_dir": "p"}},
            "unknown key sqlmesh_config.project_dir. Did you mean sqlmesh_config.project_path?",
        ),
        ({"enable_schedule": "false"}, "it must be true or false, without quotes. Example: false"),
        ({"schedule_status": 3}, 'schedule_status = 3 is not valid.*Example: "RUNNING"'),
        ({"owners": [3]}, r"owners\[0\] = 3 is not valid"),
        ({"retry_policy": {"delay": "soon"}}, r"retry_policy\.delay = \"soon\" is not valid"),
    ],
)
def test_both_checks_of_dagster_refuse_wrong_attributes(
    attributes: dict[str, object], message: str
) -> None:
    assert [*SCHEMA.iter_errors(attributes)]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        SQLMeshProjectComponent.from_attributes_dict(attributes=attributes)


def test_the_component_is_a_lazy_public_name() -> None:
    assert dg_sqlmesh_codegen.SQLMeshProjectComponent is SQLMeshProjectComponent
    # `dg` asks for every name that is listed; `generate` would import SQLMesh.
    assert "SQLMeshProjectComponent" in dir(dg_sqlmesh_codegen)
    assert "generate" not in dir(dg_sqlmesh_codegen)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A generated package that can be imported."""
    return generated(tmp_path, monkeypatch)


def generated(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str | None = None,
    status: Literal["STOPPED", "RUNNING"] = "STOPPED",
) -> Path:
    from dg_sqlmesh_codegen import pipeline  # noqa: PLC0415 - it imports SQLMesh

    project = write_project(folder / "project", {"models/one.sql": model("a.one", kind="FULL")})
    out = folder / f"package_of_{name or 'a_component'}"
    pipeline.generate(Config(projects=(project,), out=out, name=name, schedule_status=status))
    monkeypatch.syspath_prepend(str(folder))
    return out


@pytest.mark.sqlmesh
def test_a_package_with_a_name_has_its_own_resource_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = generated(tmp_path, monkeypatch, name="bank")
    config = {"project_path": "../elsewhere", "gateway": "g", "environment": "dev"}
    attributes = {"sqlmesh_config": config, "name": "bank"}
    monkeypatch.setenv("DG_SQLMESH_GATEWAY", "of a package without a name")
    assert resource_of(package, **attributes).gateway == "g"
    for name in ("ENVIRONMENT", "GATEWAY_BANK", "PROJECT_DIR_BANK"):
        monkeypatch.setenv(f"DG_SQLMESH_{name}", "given")

    assert component(**attributes).overrides(package) == {}


def resource_of(folder: Path, **attributes: object) -> SQLMeshResource:
    """Return the resource of a component whose folder is a package on Python's path."""
    overrides = component(**attributes).overrides(folder)  # the rest needs a `dg` project: see e2e
    with in_environment(overrides):
        module = __import__(f"{folder.name}.definitions", fromlist=["defs"])
    defs = with_resource(module.defs, overrides)
    assert defs.resources
    resource = defs.resources[str(attributes.get("name", "sqlmesh"))]
    assert isinstance(resource, SQLMeshResource)
    assert [*defs.resolve_all_job_defs()]
    return resource


@pytest.mark.sqlmesh
@pytest.mark.parametrize(("environment", "status"), [("prod", "RUNNING"), ("dev", "STOPPED")])
def test_the_schedule_of_another_environment_does_not_start_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, status: str
) -> None:
    package = generated(tmp_path, monkeypatch, name=f"in_{environment}", status="RUNNING")
    resource_of(package, sqlmesh_config={"environment": environment}, name=f"in_{environment}")
    (schedule,) = sys.modules[f"{package.name}.definitions"].defs.schedules
    assert schedule.default_status.value == status
    assert "DG_SQLMESH_ENVIRONMENT" not in os.environ


@pytest.mark.sqlmesh
def test_which_fields_of_the_resource_the_attributes_set(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = resource_of(package, sqlmesh_config={"project_path": "../project"})
    assert plain.project_dir == str(package.parent / "project")
    assert (plain.gateway, plain.environment) == (None, "prod")  # as generated

    config = {"project_path": "../elsewhere", "gateway": "g", "environment": "dev"}
    resource = resource_of(package, sqlmesh_config=config, concurrent_tasks=3)
    assert resource.project_dir == str(package.parent / "elsewhere")
    assert (resource.gateway, resource.environment) == ("g", "dev")
    assert resource.concurrent_tasks == 3

    variables = {"ENVIRONMENT": "staging", "GATEWAY": "big", "PROJECT_DIR": "/deployed"}
    for name, value in variables.items():
        monkeypatch.setenv(f"DG_SQLMESH_{name}", value)
    assert component(sqlmesh_config=config).overrides(package) == {}  # a variable wins

    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(package.parent))
    defs = __import__(f"{package.name}.definitions", fromlist=["defs"]).defs
    (package.parent / "other").mkdir()
    assert [*stale(package, defs, {})] == []
    (text,) = stale(package, defs, {"project_dir": str(package.parent / "other")})
    assert text.startswith(
        f"The Dagster package in {package} was generated from {plain.project_dir}"
    )
    (text,) = stale(package, defs, {"project_dir": "/nowhere"})
    assert text.startswith(
        "The SQLMesh project folder /nowhere does not exist. Correct project_path"
    )
