"""Errors are one line and know their exit code."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, UsageError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (CodegenError("it broke"), "it broke"),
        (CodegenError("it broke", detail="a wheel came off"), "it broke: a wheel came off"),
        (CodegenError("it broke", hint="Mend it."), "it broke. Mend it."),
        (CodegenError("it broke.", hint="Mend it."), "it broke. Mend it."),
        (CodegenError("it broke", detail="badly.", hint="Mend it."), "it broke: badly. Mend it."),
        (CodegenError("it broke", detail="really..."), "it broke: really..."),
        (CodegenError(""), ""),
    ],
)
def test_says_header_detail_and_hint(error: CodegenError, line: str) -> None:
    assert str(error) == line


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_is_one_line_whatever_its_parts_hold(line_break: str) -> None:
    error = CodegenError(
        f"in{line_break}here", detail=f"1{line_break}  2", hint=f"do{line_break}this"
    )
    assert str(error) == "in here: 1 2. do this"


@pytest.mark.parametrize(
    "detail",
    ["parse error\n", "parse error.\n", "parse error. ", " parse error"],
)
def test_the_space_around_a_detail_is_not_the_readers_business(detail: str) -> None:
    error = CodegenError("it broke", detail=detail, hint="Mend it.")
    assert str(error) == "it broke: parse error. Mend it."


def test_says_it_without_the_colours_of_a_terminal() -> None:
    error = CodegenError("\x1b[31mit\x1b[0m", detail="\x1b[4mbroke\x1b[0m", hint="Mend it.")
    assert str(error) == "it: broke. Mend it."


def test_keeps_its_parts() -> None:
    error = CodegenError("what", detail="why", hint="how")
    assert (error.header, error.detail, error.hint) == ("what", "why", "how")
    assert error.args == ("what",)


@pytest.mark.parametrize(("kind", "exit_code"), [(UsageError, 2), (ProjectError, 3)])
def test_exit_codes_are_contract(kind: type[CodegenError], exit_code: int) -> None:
    assert kind("no").exit_code == exit_code
    assert issubclass(kind, CodegenError)
