"""The names of models as users read them."""

import pytest

from dg_sqlmesh_codegen.runtime.text import display_name, sql_block


@pytest.mark.parametrize(
    ("fqn", "name"),
    [
        ('"shop"."marts"."orders"', "shop.marts.orders"),
        ('"shop"."say ""hi"""."a"', 'shop.say "hi".a'),
        ('""""."x.y"', '".x.y'),
        ("assert_positive", "assert_positive"),  # a standalone audit
    ],
)
def test_a_display_name_has_no_quotes_of_sqlmesh(fqn: str, name: str) -> None:
    assert display_name(fqn) == name


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
    assert sql_block(query) == f"{fence}sql\n{query}\n{fence}"
    assert fence not in query
