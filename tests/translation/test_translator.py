"""What the default translator returns, and that Dagster accepts it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import dagster as dg
import dagster_webserver
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import fqn, model, project, translation
from dg_sqlmesh_codegen.config.model import METADATA_KEYS
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, TableName
from dg_sqlmesh_codegen.translation.translator import (
    ENGINE_KINDS,
    AssetPath,
    SQLMeshTranslator,
    TranslationContext,
    overrides,
)

TRANSLATOR = SQLMeshTranslator()
CONTEXT = TranslationContext(project())
QUICK = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("my-project.Sales.orders", ("my-project", "Sales", "orders")),
        ("sales.orders", ("sales", "orders")),
        ("shop.sales.a/b 2024", ("shop", "sales", "a_b_2024")),
        ("shop.sales.größe", ("shop", "sales", "gr__e")),
    ],
)
def test_keys_are_catalog_schema_name(name: str, key: tuple[str, ...]) -> None:
    assert TRANSLATOR.get_asset_key(model(name)) == key
    assert TRANSLATOR.get_external_asset_key(fqn(name)) == key


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (("finance", "a-b.c_d"), {"finance": "true", "a-b.c_d": "true"}),
        (("needs review", "team:finance"), {"needs_review": "true", "team_finance": "true"}),
        (("dagster:group_name:marts", "dagster:anything:else"), {}),
        (("dagsterish",), {"dagsterish": "true"}),
        (("t" * 64,), {"t" * 63: "true"}),
        (("", "finance"), {"finance": "true"}),
    ],
)
def test_tags(tags: tuple[str, ...], expected: dict[str, str]) -> None:
    assert TRANSLATOR.get_tags(CONTEXT, model(tags=tags)) == expected


@pytest.mark.parametrize(
    ("owner", "owners"),
    [
        (None, []),
        ("", []),
        ("ana@example.com", ["ana@example.com"]),
        ("finance", ["team:finance"]),
        ("team:finance", ["team:finance"]),
        # Dagster does not accept these as addresses or teams.
        *(
            (owner, [f"team:{owner}"])
            for owner in ("Ana Díaz", "ana@localhost", "ana@example.technology", "o'neil@a.com")
        ),
        *((owner, [f"team:{owner}"]) for owner in ("añana@example.com", "a@b@c.com", "team:")),
    ],
)
def test_an_owner_is_an_address_or_a_team(owner: str | None, owners: list[str]) -> None:
    found = TRANSLATOR.get_owners(model(owner=owner))
    assert [*found] == [*dg.AssetSpec("orders", owners=found).owners] == owners


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (model(kind="FULL", dialect="duckdb", engine="spark"), ("sqlmesh", "spark", "table")),
        (model(kind="CUSTOM"), ("sqlmesh", "duckdb", "table")),
        (model(kind="VIEW"), ("sqlmesh", "duckdb", "view")),
        (model(kind="SEED"), ("sqlmesh", "duckdb", "seed")),
        (model(engine="tsql"), ("sqlmesh", "sqlserver", "table")),
        (model(engine="risingwave"), ("sqlmesh", "table")),  # has no icon
        (model(source=Path("/shop/models/orders.py")), ("sqlmesh", "duckdb", "python")),
    ],
)
def test_kinds_say_engine_and_form(found: Model, kinds: tuple[str, ...]) -> None:
    assert TRANSLATOR.get_kinds(found) == kinds


def test_dagster_has_an_icon_for_each_kind() -> None:
    """Read from the web UI, which is one minified script; an engine is a key of its table."""
    folder = Path(dagster_webserver.__file__).parent / "webapp" / "build" / "_next" / "static"
    scripts = [each.read_text("utf-8") for each in (folder / "chunks").glob("*.js")]
    (icons,) = (each for each in scripts if "sqlserver:{" in each)
    kinds = {*ENGINE_KINDS, "sqlmesh", "view", "table", "seed", "python"}
    assert {kind for kind in kinds if not re.search(rf'[,{{]"?{kind}"?:{{', icons)} == set()


@QUICK
@given(
    parts=st.tuples(st.none() | st.text(min_size=1), st.text(min_size=1), st.text(min_size=1)),
    tags=st.lists(st.text(min_size=1), max_size=3),
    owner=st.none() | st.text(),
)
def test_dagster_accepts_any_name(
    parts: tuple[str | None, str, str], tags: list[str], owner: str | None
) -> None:
    group_tag = f"dagster:group_name:{parts[-1]}"
    named = model(table=TableName(*parts), tags=(*tags, group_tag), owner=owner)
    translated = translation(project())
    spec = dg.AssetSpec(
        key=translated.key(named),
        group_name=translated.group(named),
        tags=TRANSLATOR.get_tags(CONTEXT, named),
        owners=TRANSLATOR.get_owners(named),
        kinds=set(TRANSLATOR.get_kinds(named)),
    )
    assert spec.key.path == [*translated.key(named)]
    assert spec.group_name == translated.group(named)


# The methods of dg-sqlmesh's translator and four more; their parameters are public.
SIGNATURES = {
    "get_external_asset_key": ["external_fqn"],
    "get_asset_key": ["model"],
    "get_group_name": ["context", "model"],
    "get_tags": ["context", "model"],
    "get_metadata": ["model", "keys"],
    "get_description": ["model"],
    "get_owners": ["model"],
    "get_kinds": ["model"],
    "get_automation_condition": ["context", "model"],
}


def test_the_methods_and_their_parameters() -> None:
    methods = {name: each for name, each in vars(SQLMeshTranslator).items() if name[0] != "_"}
    parameters = {name: [*inspect.signature(each).parameters][1:] for name, each in methods.items()}

    assert parameters == SIGNATURES


FULL = model(
    "shop.sales.orders",
    kind="INCREMENTAL_BY_TIME_RANGE",
    cron="0 5 * * *",
    cron_tz="Europe/Berlin",
    tags=("finance", "dagster:group_name:g", "daily"),
    query="SELECT @one",
    rendered_query="SELECT 1",
    partitioned_by=("day",),
    clustered_by=("shop",),
    grains=("id",),
    start="2026-01-01",
    gateway="local",
    signals=("ready",),
    forward_only=True,
    materialized_view=True,
)
METADATA: dict[str, object] = {
    "sqlmesh/kind": "INCREMENTAL_BY_TIME_RANGE",
    "sqlmesh/materialized": True,
    "sqlmesh/forward_only": True,
    "sqlmesh/dialect": "duckdb",
    "sqlmesh/gateway": "local",
    "sqlmesh/cron": "0 5 * * *",
    "sqlmesh/cron_tz": "Europe/Berlin",
    "sqlmesh/start": "2026-01-01",
    "sqlmesh/signals": ("ready",),
    "sqlmesh/tags": ("dagster:group_name:g", "daily", "finance"),
    "sqlmesh/grain": ("id",),
    "sqlmesh/partitioned_by": ("day",),
    "sqlmesh/clustered_by": ("shop",),
    "sqlmesh/query": "SELECT @one",
    "sqlmesh/rendered_query": "SELECT 1",
}


def test_all_metadata() -> None:
    assert TRANSLATOR.get_metadata(FULL, METADATA_KEYS) == METADATA


def test_every_metadata_key_is_known_or_written_by_the_graph() -> None:
    # The path of the model's file is relative to its module.
    known = {key.removeprefix("sqlmesh/") for key in METADATA}

    assert known | {"source"} == set(METADATA_KEYS)


def test_only_wanted_metadata() -> None:
    for key, value in METADATA.items():
        found = TRANSLATOR.get_metadata(FULL, [key.removeprefix("sqlmesh/")])
        assert found == {key: value}


def test_missing_properties_are_left_out() -> None:
    plain = model(kind="VIEW", dialect="")

    assert TRANSLATOR.get_metadata(plain, METADATA_KEYS) == {
        "sqlmesh/kind": "VIEW",
        "sqlmesh/cron": "@daily",
    }
    assert TRANSLATOR.get_metadata(plain, ["nobody", "start"]) == {}


def test_asset_paths_have_the_methods_of_dagster_s_keys() -> None:
    ours, theirs = AssetPath(["a", "b"]), dg.AssetKey(["a", "b"])

    assert [*ours.path] == [*theirs.path]
    assert ours.to_user_string() == theirs.to_user_string()
    assert [*ours.with_prefix("x").path] == [*theirs.with_prefix("x").path]
    assert [*ours.with_prefix(["x", "y"]).path] == [*theirs.with_prefix(["x", "y"]).path]


def test_a_context_finds_models_by_name_and_fqn() -> None:
    context = TranslationContext(project(FULL))

    assert context.get_model("shop.sales.orders") is FULL
    assert context.get_model(FULL.fqn) is FULL
    assert context.get_model("shop.sales.items") is None
    assert context.models == {FULL.fqn: FULL}
    assert (context.gateway, context.environment) == (None, "prod")


def test_which_methods_a_translator_overrides() -> None:
    class Layers(SQLMeshTranslator):
        def get_group_name(self, context: TranslationContext, model: Model) -> str:
            return "marts"

    class Inherited(Layers):
        pass

    assert overrides(Layers(), "get_group_name")
    assert overrides(Inherited(), "get_group_name")
    assert not overrides(Layers(), "get_tags")
