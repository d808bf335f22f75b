"""The names of a package's definitions, and the default of `schedule_name` that follows them."""

from __future__ import annotations

from dataclasses import astuple, fields
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.config.names import PackageNames


def test_without_a_name_they_start_with_sqlmesh() -> None:
    assert {
        each.name: getattr(PackageNames.of(None), each.name) for each in fields(PackageNames)
    } == {
        "op": "sqlmesh_models",
        "job": "sqlmesh_job",
        "sync_op": "sqlmesh_sync",
        "sync_job": "sqlmesh_sync_job",
        "schedule": "sqlmesh_adaptive_schedule",
        "resource": "sqlmesh",
        "sensor": "sqlmesh_upstream_sensor",
        "restate_op": "sqlmesh_restate",
        "restate_job": "sqlmesh_restate_job",
        "project_dir_variable": "DG_SQLMESH_PROJECT_DIR",
        "gateway_variable": "DG_SQLMESH_GATEWAY",
    }


def test_two_packages_have_no_name_in_common() -> None:
    names = [*astuple(PackageNames.of(None)), *astuple(PackageNames.of("finance"))]

    assert len({*names}) == len(names)
    assert PackageNames.of("finance").schedule == "finance_schedule"
    assert PackageNames.of("finance").gateway_variable == "DG_SQLMESH_GATEWAY_FINANCE"


@pytest.mark.parametrize(
    ("name", "given", "schedule"),
    [
        (None, {}, "sqlmesh_adaptive_schedule"),
        ("finance", {}, "finance_schedule"),
        ("finance", {"schedule_name": "hourly"}, "hourly"),
    ],
)
def test_the_schedule_follows_the_name(
    name: str | None, given: dict[str, str], schedule: str, tmp_path: Path
) -> None:
    config = Config((tmp_path,), tmp_path / "defs", name=name, **given)  # type: ignore[arg-type]

    assert config.schedule_name == schedule
