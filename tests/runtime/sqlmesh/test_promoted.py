"""What is read from SQLMesh's snapshots."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.runtime.sqlmesh import promoted

pytestmark = pytest.mark.sqlmesh


@pytest.mark.parametrize(
    ("environment", "preview", "altered"),
    [("prod", 2000, 1000), ("dev", 2000, 2000), ("dev", 500, 1000), ("dev", None, 1000)],
)
def test_previews_count_in_development_environments_only(
    environment: str, preview: int | None, altered: int
) -> None:
    """SQLMesh keeps intervals of a preview (a forward-only change) apart."""
    snapshot: Any = SimpleNamespace(last_altered_ts=1000, dev_last_altered_ts=preview)

    assert promoted.altered_ms(snapshot, Target(("project",), environment)) == altered
