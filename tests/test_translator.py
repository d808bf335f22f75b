"""What a model becomes in Dagster's words, and that Dagster takes those words."""

from __future__ import annotations

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import fqn, model, project, translation
from dg_sqlmesh_codegen.project import TableName
from dg_sqlmesh_codegen.translator import SQLMeshTranslator, TranslationContext

TRANSLATOR = SQLMeshTranslator()
CONTEXT = TranslationContext(project())
QUICK = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("shop.sales.orders", ("shop", "sales", "orders")),
        ("sales.orders", ("sales", "orders")),
        ("SHOP.Sales.orders", ("SHOP", "Sales", "orders")),
        ("my-project.sales.orders", ("my-project", "sales", "orders")),
        ("shop.sales.orders 2024", ("shop", "sales", "orders_2024")),
        ("shop.sales.a/b", ("shop", "sales", "a_b")),
        ("shop.sales.größe", ("shop", "sales", "gr__e")),
    ],
)
def test_keys_are_catalog_schema_name(name: str, key: tuple[str, ...]) -> None:
    assert TRANSLATOR.get_asset_key(model(name)) == key
    assert TRANSLATOR.get_external_asset_key(fqn(name)) == key


@pytest.mark.parametrize(
    ("tags", "group"),
    [
        ((), "sqlmesh"),
        (("finance",), "sqlmesh"),
        (("dagster:group_name:marts",), "marts"),
        (("finance", "dagster:group_name:marts"), "marts"),
        (("dagster:group_name:first", "dagster:group_name:second"), "first"),
        (("dagster:group_name:",), "sqlmesh"),
        (("dagster:group_name:my marts!",), "my_marts_"),
        (("dagster:group_name:a:b",), "a_b"),
        (("dagster:group_name:raw/sales",), "raw/sales"),
        (("dagster:other:x",), "sqlmesh"),
        (("group_name:x",), "sqlmesh"),
    ],
)
def test_a_tag_names_the_group(tags: tuple[str, ...], group: str) -> None:
    assert translation(project()).group(model(tags=tags)) == group


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((), {}),
        (("finance", "daily"), {"finance": "true", "daily": "true"}),
        (("needs review",), {"needs_review": "true"}),
        (("team:finance", "a/b"), {"team_finance": "true", "a_b": "true"}),
        (("dagster:group_name:marts", "x"), {"x": "true"}),
        (("dagster:anything:else",), {}),
        (("dagsterish",), {"dagsterish": "true"}),
        (("t" * 64,), {"t" * 63: "true"}),
    ],
)
def test_tags(tags: tuple[str, ...], expected: dict[str, str]) -> None:
    assert TRANSLATOR.get_tags(CONTEXT, model(tags=tags)) == expected


@pytest.mark.parametrize(
    ("owner", "owners"),
    [
        (None, ()),
        ("", ()),
        ("ana@example.com", ("ana@example.com",)),
        ("finance", ("team:finance",)),
        ("team:finance", ("team:finance",)),
        ("Ana Díaz", ("team:Ana Díaz",)),
        ("ana@localhost", ("team:ana@localhost",)),
        ("Ana <ana@example.com>", ("team:Ana <ana@example.com>",)),
    ],
)
def test_an_owner_is_an_address_or_a_team(owner: str | None, owners: tuple[str, ...]) -> None:
    assert TRANSLATOR.get_owners(model(owner=owner)) == owners


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("FULL", "table"),
        ("VIEW", "view"),
        ("SEED", "seed"),
        ("INCREMENTAL_BY_TIME_RANGE", "incremental"),
        ("INCREMENTAL_BY_UNIQUE_KEY", "incremental"),
        ("INCREMENTAL_BY_PARTITION", "incremental"),
        ("INCREMENTAL_UNMANAGED", "incremental"),
        ("SCD_TYPE_2", "incremental"),
        ("SCD_TYPE_2_BY_TIME", "incremental"),
        ("SCD_TYPE_2_BY_COLUMN", "incremental"),
        ("MANAGED", "table"),
        ("CUSTOM", "table"),
    ],
)
def test_kinds_say_dialect_and_form(kind: str, form: str) -> None:
    assert TRANSLATOR.get_kinds(model(kind=kind, dialect="spark")) == ("sqlmesh", "spark", form)


def test_a_model_without_a_dialect_has_a_kind_less() -> None:
    assert TRANSLATOR.get_kinds(model(dialect="")) == ("sqlmesh", "table")


@pytest.mark.parametrize("description", [None, "Orders", "two\nlines"])
def test_the_description_stays_as_it_is(description: str | None) -> None:
    assert TRANSLATOR.get_description(model(description=description)) == description


@QUICK
@given(
    parts=st.tuples(st.none() | st.text(min_size=1), st.text(min_size=1), st.text(min_size=1)),
    tags=st.lists(st.text(min_size=1), max_size=3),
    owner=st.none() | st.text(),
)
def test_dagster_takes_whatever_a_model_is_called(
    parts: tuple[str | None, str, str], tags: list[str], owner: str | None
) -> None:
    named = model(table=TableName(*parts), tags=tuple(tags), owner=owner)
    spec = dg.AssetSpec(
        key=translation(project()).asset_key(named),
        group_name=translation(project()).group(named),
        tags=TRANSLATOR.get_tags(CONTEXT, named),
        owners=TRANSLATOR.get_owners(named),
        kinds=set(TRANSLATOR.get_kinds(named)),
    )
    assert spec.key.path == [*translation(project()).asset_key(named)]


@QUICK
@given(st.text(min_size=1))
def test_dagster_takes_any_group_named_by_a_tag(group: str) -> None:
    group_name = translation(project()).group(model(tags=(f"dagster:group_name:{group}",)))
    assert dg.AssetSpec("orders", group_name=group_name).group_name == group_name


# Addresses that look right and that Dagster does not take for one: they have to become teams.
@pytest.mark.parametrize(
    "owner",
    ["ana@example.technology", "añana@example.com", "o'neil@example.com", "a@b@example.com"],
)
def test_what_dagster_does_not_take_for_an_address_is_a_team(owner: str) -> None:
    (translated,) = TRANSLATOR.get_owners(model(owner=owner))
    assert dg.AssetSpec("orders", owners=[translated]).owners == [translated]
    assert translated == f"team:{owner}"


def test_an_empty_tag_is_left_out() -> None:
    assert TRANSLATOR.get_tags(CONTEXT, model(tags=("", "finance"))) == {"finance": "true"}


def test_a_team_without_a_name_is_no_owner_that_dagster_refuses() -> None:
    owners = TRANSLATOR.get_owners(model(owner="team:"))
    assert [*dg.AssetSpec("orders", owners=owners).owners] == [*owners]
