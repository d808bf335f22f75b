"""Errors are one line and know their exit code."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.errors import CodegenError

ONE_LINE = "in here: 1 2. do this"


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
        # The space around a detail does not count.
        *(
            (CodegenError("it broke", detail=detail, hint="Mend it."), "it broke: why. Mend it.")
            for detail in ("why\n", "why.\n", "why. ", " why")
        ),
        # It is one line, whatever its parts hold.
        *(
            (CodegenError(f"in{end}here", detail=f"1{end}  2", hint=f"do{end}this"), ONE_LINE)
            for end in ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028")
        ),
        # It is without the colors of a terminal.
        (CodegenError("\x1b[31mit\x1b[0m", detail="\x1b[4mbroke\x1b[0m"), "it: broke"),
    ],
)
def test_says_header_detail_and_hint(error: CodegenError, line: str) -> None:
    assert str(error) == line
