"""Which models run when data lands upstream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import model
from dg_sqlmesh_codegen.sqlmesh_project.records import Model
from dg_sqlmesh_codegen.translation.upstream_runs import runs, warning

ON, OFF = ("dagster:run_on_upstream",), ("dagster:run_on_upstream:false",)
READS_ITSELF = replace(model(tags=ON), depends_on=(model().fqn,))


@pytest.mark.parametrize(
    ("found", "default", "expected"),
    [
        (model(kind="FULL"), True, True),
        (model(kind="FULL"), False, False),
        (model(kind="VIEW", tags=ON), False, True),
        (model(kind="FULL", tags=OFF), True, False),
        (model(kind="SEED"), True, False),
        (model(kind="INCREMENTAL_UNMANAGED", tags=ON), True, False),
        (READS_ITSELF, True, False),
    ],
)
def test_a_model(found: Model, default: bool, expected: bool) -> None:
    assert runs(found, default) is expected


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (model("s.a", kind="SCD_TYPE_2_BY_TIME", tags=ON), "is SCD_TYPE_2_BY_TIME"),
        (READS_ITSELF, "reads itself"),
    ],
)
def test_a_tag_without_effect_is_named(found: Model, why: str) -> None:
    said = f"{found}: the tag dagster:run_on_upstream is not used, because the model {why}"
    assert warning(found) == said


def test_no_warning_without_a_tag() -> None:
    assert warning(model(kind="SEED")) is None
    assert warning(model(kind="SEED", tags=OFF)) is None
