"""Late models, as Dagster's own freshness daemon sees them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import dagster as dg
import pytest
from dagster._core.test_utils import (
    create_test_daemon_workspace_context,
    freeze_time,
    instance_for_test,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.freshness import FreshnessDaemon

from builders import model, project
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering.package import Package
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.apply import Translation
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from host_versions import FRESHNESS
from packages import rendered, write

pytestmark = [pytest.mark.process, FRESHNESS]

ORDERS, COUNTRIES = dg.AssetKey(["shop", "orders"]), dg.AssetKey(["shop", "countries"])


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a daily model and a seed, generated with `freshness = true`."""
    out = tmp_path / "late_shop"
    config = Config((tmp_path,), out, freshness=True)
    found = project(model("shop.orders"), model("shop.countries", kind="SEED"), paths=(tmp_path,))
    assets = graph.build(found, Translation.of(config, found, SQLMeshTranslator()), out)
    files = rendered(Package(config, found, assets, ()))
    return write({PurePosixPath(path): text for path, text in files.items()}, out)


@pytest.fixture
def workspace(package: Path) -> Iterator[WorkspaceProcessContext]:
    """Dagster's workspace of the package, as a daemon has it."""
    target = ModuleTarget(
        module_name=f"{package.name}.definitions",
        attribute=None,
        working_directory=str(package.parent),
        location_name=None,
    )
    with (
        instance_for_test() as instance,
        create_test_daemon_workspace_context(target, instance) as context,
    ):
        yield context


def test_a_model_is_late_after_its_window(workspace: WorkspaceProcessContext) -> None:
    instance = workspace.instance
    for key in (ORDERS, COUNTRIES):
        instance.report_runless_asset_event(dg.AssetMaterialization(key))

    def states_after(hours: float) -> list[str]:
        with freeze_time(datetime.now(UTC) + timedelta(hours=hours)):
            for _ in FreshnessDaemon().run_iteration(workspace):
                pass
        found = instance.get_freshness_state_records([ORDERS, COUNTRIES])
        return [found[key].freshness_state.value for key in (ORDERS, COUNTRIES)]

    # A day from tick to tick, and the hour of `freshness_grace`.
    assert states_after(24.9) == ["PASS", "NOT_APPLICABLE"]
    assert states_after(25.1) == ["FAIL", "NOT_APPLICABLE"]
