"""The component's attributes, and what of them counts when its package is loaded."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import dagster as dg
import pytest

import dg_sqlmesh_codegen
from dg_sqlmesh_codegen.component.component import (
    RetryPolicyConfig,
    SQLMeshConfig,
    SQLMeshProjectComponent,
)
from dg_sqlmesh_codegen.config.model import KEYS, Config, RetryPolicy
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from projects import model, write_project

# These are said by `sqlmesh_config`, and where the file stands.
ELSEWHERE = {"projects", "out", "gateway", "environment"}
DG_SQLMESH = {"sqlmesh_config", "concurrency_jobs_limit", "default_group_name"}


def test_every_key_of_the_configuration_is_an_attribute() -> None:
    attributes = {field.name for field in fields(SQLMeshProjectComponent)}
    assert attributes == {*KEYS} - ELSEWHERE | DG_SQLMESH
    assert {field.name for field in fields(RetryPolicyConfig)} == {
        field.name for field in fields(RetryPolicy)
    }


def test_every_attribute_of_dg_sqlmeshs_component_is_taken() -> None:
    component = SQLMeshProjectComponent.from_attributes_dict(
        attributes={
            "sqlmesh_config": {"project_path": "p", "gateway": "g", "environment": "dev"},
            "concurrency_jobs_limit": 2,
            "default_group_name": "transform",
            "op_tags": {"team": "data"},
            "schedule_name": "nightly",
            "enable_schedule": True,
            "external_asset_mapping": "target/main/{node.name}",
        }
    )
    assert component.sqlmesh_config == SQLMeshConfig("p", "g", "dev")
    assert component.concurrency_jobs_limit == 2


def test_a_mapping_is_a_template_of_its_own() -> None:
    template = "{{ node.schema | lower }}/{node.name}"
    component = SQLMeshProjectComponent.from_attributes_dict(
        attributes={
            "sqlmesh_config": {"project_path": "p"},
            "external_asset_mapping": template,
        }
    )
    assert component.external_asset_mapping == template


def test_it_is_a_public_name_that_nothing_imports_by_accident() -> None:
    assert dg_sqlmesh_codegen.SQLMeshProjectComponent is SQLMeshProjectComponent
    # `dg` asks for every name that is listed; `generate` would import SQLMesh.
    assert "SQLMeshProjectComponent" in dir(dg_sqlmesh_codegen)
    assert "generate" not in dir(dg_sqlmesh_codegen)


@pytest.fixture
def package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """A generated package that can be imported, under a name of its own."""
    from dg_sqlmesh_codegen import pipeline  # noqa: PLC0415 - it imports SQLMesh

    project = write_project(tmp_path / "project", {"models/one.sql": model("a.one", kind="FULL")})
    out = tmp_path / f"package_{request.node.name.replace('[', '_').replace(']', '')}"
    pipeline.generate(Config((project,), out))
    monkeypatch.syspath_prepend(str(tmp_path))
    return out


def resource_of(folder: Path, **attributes: object) -> SQLMeshResource:
    """Return the resource of a component whose folder is a package on Python's path."""
    component = SQLMeshProjectComponent.from_attributes_dict(attributes=dict(attributes))
    context = dg.ComponentTree.for_test().load_context
    module = inspect.getmodule(SQLMeshProjectComponent)
    assert module
    overrides = component._overrides(folder)  # the rest needs a `dg` project: see e2e
    namespace = __import__(f"{folder.name}.definitions", fromlist=["defs"])
    assert context
    defs = module._with_resource(namespace.defs, overrides)
    resource = defs.resources["sqlmesh"]
    assert isinstance(resource, SQLMeshResource)
    assert [*defs.resolve_all_job_defs()]
    return resource


@pytest.mark.sqlmesh
def test_the_deployments_words_win_over_the_generated_ones(package: Path) -> None:
    resource = resource_of(
        package,
        sqlmesh_config={"project_path": "../elsewhere", "gateway": "g", "environment": "dev"},
        concurrent_tasks=3,
    )
    assert resource.project_dir == str(package.parent / "elsewhere")
    assert resource.gateway == "g"
    assert resource.environment == "dev"
    assert resource.concurrent_tasks == 3


@pytest.mark.sqlmesh
def test_what_the_attributes_do_not_say_is_as_generated(package: Path) -> None:
    resource = resource_of(package, sqlmesh_config={"project_path": "../project"})
    assert resource.project_dir == str(package.parent / "project")
    assert (resource.gateway, resource.environment) == (None, "prod")


@pytest.mark.sqlmesh
def test_variables_of_the_environment_win(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "staging")
    monkeypatch.setenv("DG_SQLMESH_GATEWAY", "big")
    monkeypatch.setenv("DG_SQLMESH_PROJECT_DIR", "/deployed")
    resource = resource_of(
        package, sqlmesh_config={"project_path": "p", "gateway": "g", "environment": "dev"}
    )
    assert resource.project_dir == "/deployed"
    assert (resource.gateway, resource.environment) == ("big", "staging")
