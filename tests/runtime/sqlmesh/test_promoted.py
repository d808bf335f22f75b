"""What is read from SQLMesh's snapshots."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlmesh import Context
from sqlmesh.utils.errors import ConfigError

from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.runtime.sqlmesh import promoted
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh


@pytest.mark.parametrize(
    ("suffix", "view"),
    [("schema", "lake.sales__dev_ana.orders"), ("table", "lake.sales.orders__dev_ana")],
)
def test_the_view_is_that_of_the_environment(suffix: str, view: str, tmp_path: Path) -> None:
    config = (
        "gateways: {local: {connection: {type: duckdb, database: lake.db}}}\n"
        "model_defaults: {dialect: duckdb, start: 2026-01-01}\n"
        f"environment_suffix_target: {suffix}\n"
    ).replace("lake.db", str(tmp_path / "lake.db"))
    text = model("sales.orders", kind="FULL")
    project = write_project(tmp_path / "shop", {"models/orders.sql": text}, config=config)
    context = Context(paths=[str(project)])
    context.plan("dev_ana", auto_apply=True, no_prompts=True)
    context.close()

    (found,) = promoted.promoted_models(Target((str(project),), "dev_ana"))
    assert (found.fqn, found.view) == ('"lake"."sales"."orders"', view)


def test_a_model_of_a_gateway_that_is_gone_has_no_address() -> None:
    context = Mock()
    context.config.get_connection.side_effect = ConfigError("Missing gateway 'old'")

    assert promoted._uri(context, "old", "a.s.t") == ""
    context.config.get_connection.assert_called_once_with("old")
