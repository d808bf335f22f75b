"""The asset specs that Dagster gets of generated records."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import ModelAsset, asset_specs
from dg_sqlmesh_codegen.runtime.records import sql_block
from host_versions import FRESHNESS

FOLDER = Path("/work/defs")


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
    shown = {f"sqlmesh/{key}": sql_block(queries[key]) for key in queries}

    expected = model.spec.replace_attributes(metadata={**shown, "sqlmesh/start": "x"})
    assert asset_specs([model], FOLDER) == [expected]


def test_a_list_is_one_line() -> None:
    (spec,) = asset_specs([asset(clustered_by=["a", "b"], grain=["(id, day)"])], FOLDER)
    assert spec.metadata == {"sqlmesh/clustered_by": "a, b", "sqlmesh/grain": "(id, day)"}


def test_a_query_that_a_translator_made_markdown_stays() -> None:
    query = dg.MetadataValue.md("none")

    (spec,) = asset_specs([asset(query=query)], FOLDER)
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
    (spec,) = asset_specs([model], FOLDER)
    assert spec.description == description


@pytest.mark.parametrize(
    ("source", "line", "path"),
    [
        ("../shop/models/a.sql", 3, "/work/shop/models/a.sql"),
        ("models/a.sql", None, "/work/defs/models/a.sql"),
    ],
)
def test_a_code_reference_is_the_absolute_path(source: str, line: int | None, path: str) -> None:
    """The project does not have to be there, and Dagster does not warn of its beta API."""
    model = replace(asset(), source=source, source_line=line)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (spec,) = asset_specs([model], FOLDER)

    (found,) = spec.metadata["dagster/code_references"].code_references
    assert (type(found), found.file_path) == (dg.LocalFileCodeReference, path)
    assert found.line_number == line


def test_a_code_reference_is_a_link() -> None:
    first = replace(asset(), source="../shop/my models/a#b.sql", source_line=3)
    models = [first, replace(first, source="models/a.sql", source_line=None)]
    url = "https://git.example/org/repo/blob/main/dagster/defs/"

    found = [spec.metadata["dagster/code_references"] for spec in asset_specs(models, url)]
    assert [each.code_references[0].url for each in found] == [
        "https://git.example/org/repo/blob/main/dagster/shop/my%20models/a%23b.sql#L3",
        "https://git.example/org/repo/blob/main/dagster/defs/models/a.sql",
    ]


@FRESHNESS
@pytest.mark.parametrize("freshness", ["90m", "25h", "2d"])
def test_freshness_is_a_time_window(freshness: str) -> None:
    (spec, none) = asset_specs([replace(asset(), freshness=freshness), asset()], FOLDER)

    windows = {"90m": timedelta(minutes=90), "25h": timedelta(hours=25), "2d": timedelta(days=2)}
    assert spec.freshness_policy == dg.FreshnessPolicy.time_window(windows[freshness])
    assert none.freshness_policy is None


def test_a_dagster_without_freshness_policies_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(dg), "FreshnessPolicy", raising=False)

    (spec,) = asset_specs([replace(asset(), freshness="25h")], FOLDER)
    assert spec.freshness_policy is None


@pytest.mark.parametrize(
    ("query", "fence"),
    [
        ("SELECT 1 -- one\nFROM a", "```"),
        ("SELECT `a`.``", "```"),
        ("SELECT '\n```\n' AS a", "````"),
        ("`````", "``````"),
    ],
)
def test_a_query_is_one_block_of_markdown(query: str, fence: str) -> None:
    assert sql_block(query).value == f"{fence}sql\n{query}\n{fence}"
    assert fence not in query
