"""A value becomes the source of a literal that is that value, and nothing but a literal."""

from __future__ import annotations

import ast
import math

import black
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen.python_names import Identifier, ModuleName
from dg_sqlmesh_codegen.rendering.literals import literal

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates, too
NAME = Identifier("orders")
values = st.recursive(
    any_text | st.booleans() | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


class Text(str):
    """Text of a class of its own."""

    def __repr__(self) -> str:
        return "exit()"


class Number(int):
    """A number of a class of its own."""

    def __repr__(self) -> str:
        return "exit()"


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("", '""'),
        ("orders", '"orders"'),
        ('"shop"."orders"', '\'"shop"."orders"\''),
        ("it's", '"it\'s"'),
        ("'it's' \"it\"", '"\'it\'s\' \\"it\\""'),
        ('it\'s "it"', "'it\\'s \"it\"'"),
        ("a\\b", '"a\\\\b"'),
        ("a\tb", '"a\\tb"'),
        ("größe 数 🦆", '"größe 数 🦆"'),
        ("a\u2028b", '"a\\u2028b"'),
        ("a\u202eb", '"a\\u202eb"'),
        ("\ud800", '"\\ud800"'),
        ("\x00", '"\\x00"'),
        ("\n", '"\\n"'),
        ("a\n", '"a\\n"'),
        ("a\nb", '("a\\n" "b")'),
        ("a\n\nb\n", '("a\\n" "\\n" "b\\n")'),
        ("a\r\nb", '("a\\r\\n" "b")'),
        ("a\rb\x0cc", '"a\\rb\\x0cc"'),
        ("a\x0cb\n'\u2028\"\n", '("a\\x0cb\\n" "\'\\u2028\\"\\n")'),
        (True, "True"),
        (None, "None"),
        (-12, "-12"),
        (1.5, "1.5"),
        ({"a": (1, None)}, '{"a": [1, None]}'),
        ((), "[]"),
        (("a", True), '["a", True]'),
        ([["a"], ["b", "c"]], '[["a"], ["b", "c"]]'),
        (("a\nb", 1), '["a\\nb", 1]'),
        # code stays what it is
        (NAME, "orders"),
        (ModuleName([NAME, NAME]), "orders.orders"),
        ((NAME, "orders"), '[orders, "orders"]'),
        # no class can say what its source is
        (Text("hello"), '"hello"'),
        (Number(7), "7"),
    ],
)
def test_literals(value: object, source: str) -> None:
    assert literal(value) == source


@pytest.mark.parametrize("value", [math.inf, math.nan, b"x", {"a"}, object(), str, 1j, Ellipsis])
def test_what_a_module_may_not_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no literal"):
        literal(value)
    with pytest.raises(TypeError, match=type(value).__name__):
        literal(["fine", value])


@settings(max_examples=300, deadline=None)
@given(values)
@example("\ud800\udc00")
@example("\"\"\"'''\\")
@example("{{ asset }} {% raw %} {# #}")
@example("\\N{BULLET}\\u0041\\x41")
def test_source_is_one_printable_line_that_evaluates_to_the_value(value: object) -> None:
    source = literal(value)
    assert ast.literal_eval(source) == value
    assert source.isprintable()
    assert source.encode("utf-8").decode("utf-8") == source


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["'", '"', "\\", "\n", "\x1b", "a", "数"]) | any_text).map("".join))
@example("\"\"\"'''\\")
def test_source_is_what_black_would_make_of_it(text: str) -> None:
    source = literal(text.replace("\n", ""))
    assert black.format_str(f"x = {source}\n", mode=black.Mode()) == f"x = {source}\n"
