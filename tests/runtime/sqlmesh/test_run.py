"""What is read off SQLMesh's snapshots, where only a preview tells it from the promoted state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.runtime.sqlmesh import run

pytestmark = pytest.mark.sqlmesh


@pytest.mark.parametrize(
    ("environment", "preview", "altered"),
    [("prod", 2000, 1000), ("dev", 2000, 2000), ("dev", 500, 1000), ("dev", None, 1000)],
)
def test_a_preview_counts_in_its_own_environment(
    environment: str, preview: int | None, altered: int
) -> None:
    """A forward-only change has its intervals in a development environment written down apart."""
    snapshot: Any = SimpleNamespace(last_altered_ts=1000, dev_last_altered_ts=preview)

    assert run._altered(snapshot, Target(("project",), environment)) == altered
