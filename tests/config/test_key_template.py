"""Templates of the keys of external tables: dg-sqlmesh's short form and the whole of Jinja."""

from __future__ import annotations

import pytest

from builders import external
from dg_sqlmesh_codegen.config.key_template import ExternalAssetMapping
from dg_sqlmesh_codegen.errors import SettingError

RAW = "jaffle_db.main.raw_source_customers"


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("target/main/{node.name}", ("target", "main", "raw_source_customers")),
        (
            "{node.database}/{node.schema}/{node.name}",
            ("jaffle_db", "main", "raw_source_customers"),
        ),
        ("{node.name | upper}", ("RAW_SOURCE_CUSTOMERS",)),
        ("src/{{ node.schema|upper }}/{node.name}", ("src", "MAIN", "raw_source_customers")),
        ("{{ node.fqn.split('.') | join('/') }}", ("jaffle_db", "main", "raw_source_customers")),
        (
            "{% if node.schema == 'main' %}a{% else %}b{% endif %}/{node.name}",
            ("a", "raw_source_customers"),
        ),
        ("{# {node.nobody} #}fixed", ("fixed",)),
        ("{{ {'main': 'm'}[node.schema] }}/x", ("m", "x")),
        (" a / {node.schema} //\n b/", ("a", "main", "b")),
    ],
)
def test_templates(template: str, key: tuple[str, ...]) -> None:
    assert ExternalAssetMapping(template).key(external(RAW)) == key


def test_names_of_other_tables() -> None:
    mapping = ExternalAssetMapping("{node.database}/{node.name}")

    assert mapping.key(external("main.orders")) == ("orders",)  # no catalog: an empty part
    assert mapping.key(external("m.main.a/b")) == ("m", "a", "b")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        *((text, "expected|Expected|Unknown|got|No filter") for text in ("{{", "{% if %}", "{}")),
        *(("{node.}", "expected"), ("{{ node.name | no }}", "No filter named 'no'")),
        *(("{nobody}", "variable nobody"), ("{node.nobody}", r"variable node\.nobody")),
        ("{{ node.name and nobody.x }}", "variable nobody"),
    ],
)
def test_templates_that_are_not_valid(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ExternalAssetMapping(template)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        (" / ", "the asset key is empty"),
        ("größe/{node.name}", "in an asset key, not 'größe/raw_source_customers'"),
        # No closing brace: not a variable but text.
        ("a/{node.name", "in an asset key, not 'a/{node.name'"),
    ],
)
def test_errors_name_template_and_table(template: str, why: str) -> None:
    with pytest.raises(SettingError) as caught:
        ExternalAssetMapping(template).key(external(RAW))

    message = str(caught.value)
    assert repr(template) in message
    assert f"the external table {RAW}" in message
    assert why in message
