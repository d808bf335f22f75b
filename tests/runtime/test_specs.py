"""The asset specs that Dagster gets of generated records."""

from __future__ import annotations

import dagster as dg

from dg_sqlmesh_codegen.runtime import ModelAsset, asset_specs
from dg_sqlmesh_codegen.runtime.text import sql_block


def asset(**metadata: object) -> ModelAsset:
    return ModelAsset(
        fqn='"shop"."orders"',
        spec=dg.AssetSpec(
            key=["shop", "orders"],
            deps=[["shop", "lines"]],
            kinds={"duckdb", "sqlmesh", "table"},
            tags={"daily": "true"},
            owners=["team:data"],
            code_version="1",
            skippable=True,
            metadata=metadata,
        ),
    )


def test_a_query_is_markdown_and_all_else_stays() -> None:
    queries = {"sqlmesh/query": "SELECT 1 -- one\nFROM a", "sqlmesh/rendered_query": "SELECT 1"}
    model = asset(**queries, **{"sqlmesh/cron": "@daily"})
    shown = {key: dg.MetadataValue.md(sql_block(query)) for key, query in queries.items()}

    (spec,) = asset_specs([model])
    assert spec == model.spec.replace_attributes(metadata={**shown, "sqlmesh/cron": "@daily"})


def test_a_query_that_a_translator_made_markdown_stays() -> None:
    query = dg.MetadataValue.md("none")

    (spec,) = asset_specs([asset(**{"sqlmesh/query": query})])
    assert spec.metadata == {"sqlmesh/query": query}
