"""The asset specs that Dagster gets of generated records."""

from __future__ import annotations

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import ModelAsset, asset_specs
from dg_sqlmesh_codegen.runtime.text import sql_block


def asset(description: str | None = None, **metadata: object) -> ModelAsset:
    return ModelAsset(
        fqn='"shop"."orders"',
        spec=dg.AssetSpec(
            key=["shop", "orders"],
            deps=[["shop", "lines"]],
            description=description,
            kinds={"duckdb", "sqlmesh", "table"},
            tags={"daily": "true"},
            owners=["team:data"],
            code_version="1",
            skippable=True,
            metadata={f"sqlmesh/{key}": value for key, value in metadata.items()},
        ),
    )


def test_queries_are_markdown_and_all_else_stays() -> None:
    model = asset("Orders", query="SELECT 1 -- one\nFROM a", rendered_query="SELECT 1", start="x")
    queries = {key: model.spec.metadata[f"sqlmesh/{key}"] for key in ("query", "rendered_query")}
    shown = {f"sqlmesh/{key}": dg.MetadataValue.md(sql_block(queries[key])) for key in queries}

    expected = model.spec.replace_attributes(metadata={**shown, "sqlmesh/start": "x"})
    assert asset_specs([model]) == [expected]


def test_a_query_that_a_translator_made_markdown_stays() -> None:
    query = dg.MetadataValue.md("none")

    (spec,) = asset_specs([asset(query=query)])
    assert spec.metadata == {"sqlmesh/query": query}


@pytest.mark.parametrize(
    ("model", "description"),
    [
        (asset(), None),
        (asset("Orders"), "Orders"),
        (asset(kind="VIEW"), "`VIEW` model"),
        (
            asset("Orders", kind="FULL", cron="30 6 * * *", grain=["id", "day"]),
            "Orders\n\n"
            "`FULL` model, every day at 06:30 UTC (cron `30 6 * * *`), grain `id`, `day`",
        ),
        (
            asset(cron="0 8 * * 3#1", cron_tz="Europe/Berlin"),
            "cron `0 8 * * 3#1` in Europe/Berlin",
        ),
        (asset(kind="SEED", cron="@daily"), "`SEED` model, evaluated by `sqlmesh plan`"),
    ],
)
def test_a_description_ends_with_kind_cron_and_grain(
    model: ModelAsset, description: str | None
) -> None:
    (spec,) = asset_specs([model])
    assert spec.description == description
