"""What `run_on_upstream` changes: a property of the model, and the sensor's settings."""

from __future__ import annotations

from builders import model
from dg_sqlmesh_codegen.change_report import Format, summarize, text_of
from dg_sqlmesh_codegen.change_report.model import Change
from packages import package


def test_a_tag_is_a_property_of_its_model() -> None:
    before = package(model("shop.a.x"), model("shop.a.y"))
    after = package(model("shop.a.x", tags=("dagster:run_on_upstream",)), model("shop.a.y"))

    summary = summarize(before, after)

    (changed,) = summary.changed
    assert changed.properties == (Change("run_on_upstream", (), ("True",)),)
    assert not changed.edited
    assert "`shop/a/x`: run on upstream: none → `True`" in text_of(summary, Format.MARKDOWN)
    assert summary.settings == (Change("sensors", (), ("sqlmesh_upstream_sensor",)),)
