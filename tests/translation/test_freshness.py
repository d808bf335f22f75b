"""How old the data of a model may be."""

from __future__ import annotations

import pytest

from builders import model
from dg_sqlmesh_codegen.sqlmesh_project.records import Model
from dg_sqlmesh_codegen.translation import property_tags
from dg_sqlmesh_codegen.translation.freshness import window


@pytest.mark.parametrize(
    ("found", "grace", "expected"),
    [
        (model(), "1h", "25h"),
        (model(cron="*/5 * * * *"), "10m", "15m"),
        (model(cron="0 6 * * 1-5"), "1h", "73h"),  # from Friday to Monday
        (model(cron_tz="Europe/Berlin"), "1h", "26h"),  # the clock is set back
        (model(), None, None),
        (model(kind="SEED"), "1h", None),
        (model(end="2026-01-31"), "1h", None),
        (model(tags=("dagster:freshness:none",)), "1h", None),
        (model(tags=("dagster:freshness:36h",)), None, "36h"),
        (model(kind="SEED", tags=("dagster:freshness:2d",)), "1h", "2d"),
        (model(tags=("dagster:freshness:soon", "dagster:freshness:2d")), "1h", "2d"),
        (model(tags=("dagster:freshness:0h",)), "1h", "25h"),
    ],
)
def test_a_window(found: Model, grace: str | None, expected: str | None) -> None:
    assert window(found, grace) == expected


def test_a_tag_that_is_no_time_is_named() -> None:
    assert [*property_tags.warnings(model("s.a", tags=("dagster:freshness:soon",)))] == [
        "model s.a: tag 'dagster:freshness:soon' is not used. Its value is none, 90m, 36h or 2d."
    ]
