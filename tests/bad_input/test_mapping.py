"""Mappings that are wrong for a certain external table."""

from __future__ import annotations

from pathlib import Path

import pytest

from refusals import TABLE, error_of

pytestmark = pytest.mark.sqlmesh

VARIABLES = "There are node.database, node.schema, node.name and node.fqn."
MAPPINGS = [
    (
        "{% if node.schema == 'main' %}{node.name}{% endif %}",
        "\"{% if node.schema == 'main' %}{node.name}{% endif %}\", for the external table "
        f"raw.other.orders: it renders to an empty key. {VARIABLES}",
    ),
    (
        "/ /",
        f"'/ /', for the external table raw.main.orders: it renders to an empty key. {VARIABLES}",
    ),
    (
        "a b/{node.name}",
        "'a b/{node.name}', for the external table raw.main.orders: Dagster takes no key "
        "'a b/orders', but letters, digits, dots, - and _. A filter can replace the others: "
        "{{ node.name | replace(' ', '_') }}.",
    ),
    (
        "{{ node.name // 2 }}",
        "'{{ node.name // 2 }}', for the external table raw.main.orders: TypeError: unsupported "
        f"operand type(s) for //: 'str' and 'int'. {VARIABLES}",
    ),
    (
        "raw/{node.name}",
        "the external table raw.main.orders and the external table raw.other.orders get the same "
        "asset key raw/orders. Change the template so that it tells them apart.",
    ),
    (
        "shop/sales/{{ 'items' if node.schema == 'main' else node.name }}",
        "model shop.sales.items and the external table raw.main.orders get the same asset key "
        "shop/sales/items. Change the template so that it tells them apart.",
    ),
]


@pytest.mark.usefixtures("inspected")
@pytest.mark.parametrize(("template", "said"), MAPPINGS)
def test_a_mapping_that_is_wrong_for_a_table(
    template: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (TABLE, f'external_asset_mapping = "{template}"')
    Path("pyproject.toml").write_text("\n".join(lines), encoding="utf-8")

    assert error_of(capsys, "shop", "-o", "defs") == (
        f"error: pyproject.toml {TABLE}: external_asset_mapping: {said}"
    )


@pytest.mark.parametrize(
    ("template", "unknown"), [("{nod.name}", "nod"), ("a/{{ node.table }}", "node.table")]
)
def test_a_variable_that_there_is_not(
    template: str, unknown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever tables there are: the first that needs the template comes in somebody's branch."""
    lines = (TABLE, f'external_asset_mapping = "{template}"')
    Path("pyproject.toml").write_text("\n".join(lines), encoding="utf-8")

    assert error_of(capsys, "shop", "-o", "defs").startswith(
        f'error: pyproject.toml {TABLE}: external_asset_mapping = "{template}" is refused: '
        f"it is no template: there is no {unknown}. {VARIABLES}"
    )
