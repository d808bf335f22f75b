"""Python source is read without running it."""

from __future__ import annotations

import ast

import pytest

from dg_sqlmesh_codegen.change_report import ast_reader


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("None", ()),
        ("('a' 'b')", ("ab",)),
        ("True", ("True",)),
        ("['b', 'a']", ("b", "a")),
        ("('b', 1)", ("b", "1")),
        ("{'b', 'a'}", ("a", "b")),
        ("{'b': 'x', 'a': True}", ("a=True", "b=x")),
        ("{**more, 'a': 1}", ("**=more", "a=1")),
        ("{'a': ['x', Y]}", ("a=['x', Y]",)),
        ("os.environ['X']", ("os.environ['X']",)),
        ("[]", ()),
        ("-1", ("-1",)),
    ],
)
def test_values(source: str, values: tuple[str, ...]) -> None:
    assert ast_reader.texts(ast_reader.value(expression(source))) == values


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("str((HERE / '../shop').resolve())", ("../shop",)),
        ("[str((HERE / 'a').resolve()), str((HERE / 'b').resolve())]", ("a", "b")),
        ("os.getenv('X') or 'prod'", ("prod",)),
        ("None", ()),
        ("join('a', 'b')", ("join('a', 'b')",)),
        ("a + 'b'", ("a + 'b'",)),
    ],
)
def test_a_call_with_one_string_is_that_string(source: str, values: tuple[str, ...]) -> None:
    assert ast_reader.texts(ast_reader.only_string(expression(source))) == values


@pytest.mark.parametrize("text", ["(" * 5000, "-" * 100_000 + "1", "x" + "+1" * 100_000])
def test_code_that_is_nested_too_deep(text: str) -> None:
    with pytest.raises(ast_reader.UnreadableError):
        ast_reader.module(text)
