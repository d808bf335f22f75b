"""Tags `dagster:property:value` set properties of the asset; a wrong tag gives a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import fqn, model
from dg_sqlmesh_codegen.sqlmesh_project.records import Model
from dg_sqlmesh_codegen.translation import property_tags
from dg_sqlmesh_codegen.translation.property_tags import KNOWN, Properties

ON = ("dagster:run_on_upstream",)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((), Properties()),
        (("finance", "dagster"), Properties()),
        (("dagster:group_name:marts",), Properties(group_name="marts")),
        (("dagster:group_name:a/b-c.d",), Properties(group_name="a_b_c_d")),
        (("group_name:x", "dagster:other:x"), Properties()),
        (("finance", "dagster:group_name:a", "dagster:group_name:b"), Properties(group_name="a")),
        (("dagster:group_name:raw/crm",), Properties(group_name="raw/crm")),
        (("dagster:owner:ana@shop.example",), Properties(owners=("ana@shop.example",))),
        (
            ("dagster:owner:finance", "dagster:owner:team:sales"),
            Properties(owners=("team:finance", "team:sales")),
        ),
        (("dagster:kind:dbt", "dagster:kind:big query"), Properties(kinds=("dbt", "big_query"))),
        (("dagster:description:a: b",), Properties(description="a: b")),
        (("dagster:asset_key:a/b/c",), Properties(asset_key=("a", "b", "c"))),
        (("dagster:asset_key: a / b c /",), Properties(asset_key=("a", "b_c"))),
        (("dagster:asset_key:/",), Properties()),
        (("dagster:group_name:", "dagster:owner: ", "dagster:kind"), Properties()),
        (("dagster:gruop_name:x",), Properties()),
        (("dagster:automation:on_missing",), Properties(automation="on_missing")),
        (("dagster:automation:always", "dagster:automation:eager"), Properties(automation="eager")),
        (("dagster:run_on_upstream",), Properties(run_on_upstream=True)),
        (("dagster:run_on_upstream:true",), Properties(run_on_upstream=True)),
        (("dagster:run_on_upstream:false",), Properties(run_on_upstream=False)),
        (("dagster:run_on_upstream:",), Properties()),
        (("dagster:run_on_upstream:yes",), Properties()),
        (
            ("dagster:run_on_upstream:yes", "dagster:run_on_upstream"),
            Properties(run_on_upstream=True),
        ),
    ],
)
def test_properties_of_a_model(tags: tuple[str, ...], expected: Properties) -> None:
    assert property_tags.of(model(tags=tags)) == expected


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (("finance", "dagster:group_name:marts"), []),
        (
            ("dagster:gruop:x", "dagster:owners:x"),
            [
                "unknown property in tag 'dagster:gruop:x'. Did you mean dagster:group_name:...?",
                "unknown property in tag 'dagster:owners:x'. Did you mean dagster:owner:...?",
            ],
        ),
        (("dagster:kind",), ["tag 'dagster:kind' has no value"]),
        (
            ("dagster:automation:always",),
            ["tag 'dagster:automation:always' is not used. Its value is eager or on_missing."],
        ),
        (
            ("dagster:run_on_upstream:yes",),
            ["tag 'dagster:run_on_upstream:yes' is not used. Its value is true or false."],
        ),
        (("dagster:run_on_upstream:",), ["tag 'dagster:run_on_upstream:' has no value"]),
        (
            ("dagster:freshness:soon", "dagster:freshness:2d"),
            ["tag 'dagster:freshness:soon' is not used. Its value is none, 90m, 36h or 2d."],
        ),
        (
            ("dagster:group_name:a", "dagster:group_name:b"),
            ["several tags dagster:group_name:..., the first one counts: 'a'"],
        ),
        (("dagster:group_name:a", "dagster:group_name:a"), []),
        (("dagster:owner:a", "dagster:owner:b", "dagster:kind:c", "dagster:kind:d"), []),
    ],
)
def test_warnings(tags: tuple[str, ...], said: list[str]) -> None:
    found = property_tags.warnings(model(tags=tags))
    assert [*found] == [f"model shop.sales.orders: {text}" for text in said]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (model("s.a", kind="SCD_TYPE_2_BY_TIME", tags=ON), "is SCD_TYPE_2_BY_TIME"),
        (model("s.a", depends_on=(fqn("s.a"),), tags=ON), "reads itself"),
    ],
)
def test_a_tag_of_a_model_that_never_runs_when_data_lands(found: Model, why: str) -> None:
    assert [*property_tags.warnings(found)] == [
        f"model s.a: the tag {ON[0]} is not used, because the model {why}"
    ]
    assert [*property_tags.warnings(replace(found, tags=()))] == []
    assert [*property_tags.warnings(replace(found, tags=(f"{ON[0]}:false",)))] == []


def test_every_known_property_sets_something() -> None:
    for name in KNOWN:
        values = {"freshness": "1h", "automation": "eager", "run_on_upstream": "true"}
        value = values.get(name, "x")
        assert property_tags.of(model(tags=(f"dagster:{name}:{value}",))) != Properties(), name
