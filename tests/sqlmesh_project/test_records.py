"""SQLMesh's fqn and plain names are parsed the same way everywhere."""

from __future__ import annotations

import pytest
from sqlglot import exp

from dg_sqlmesh_codegen.sqlmesh_project.records import TableName


@pytest.mark.parametrize(
    ("fqn", "parts"),
    [
        ('"shop"."sales"."orders"', ("shop", "sales", "orders")),
        ('"sales"."orders"', (None, "sales", "orders")),
        ('"orders"', (None, "", "orders")),
        ("shop.sales.orders", ("shop", "sales", "orders")),
        ('"a""b"."c"', (None, 'a"b', "c")),
        ('"a.b"."c d"."e"', ("a.b", "c d", "e")),
        ("", (None, "", "")),
    ],
)
def test_names(fqn: str, parts: tuple[str | None, str, str]) -> None:
    assert TableName.of(fqn) == TableName(*parts)


@pytest.mark.parametrize("name", ["orders", 'a"b', "a.b", '""', "größe", "a b"])
def test_quoted_names_are_parsed_as_sqlglot_writes_them(name: str) -> None:
    fqn = exp.table_(name, db=name, catalog=name, quoted=True).sql()
    assert TableName.of(fqn) == TableName(name, name, name)
