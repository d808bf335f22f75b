"""The names of models as users read them."""

import pytest

from dg_sqlmesh_codegen.runtime.text import display_name


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
