"""Templates of the keys of external tables: dg-sqlmesh's short form and the whole of Jinja.

What is wrong with one is in tests/bad_input/messages.txt.
"""

from __future__ import annotations

import pytest

from builders import external
from dg_sqlmesh_codegen.config.key_template import ExternalAssetMapping

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
