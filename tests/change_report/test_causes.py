"""Why a code version changed; `test_causes_in_sqlmesh.py` compares this with SQLMesh itself."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from sqlmesh.core import macros

from dg_sqlmesh_codegen.change_report.causes import code_change, macros_in
from dg_sqlmesh_codegen.change_report.model import Cause, CodeChange, ParsedAsset

pytestmark = pytest.mark.sqlmesh


def asset(version: str, query: str | None = None, **properties: str) -> ParsedAsset:
    return ParsedAsset(
        key=("a",),
        fqn='"c"."s"."a"',
        path=PurePosixPath("models/a.py"),
        code_version=version,
        query=query,
        properties={f"sqlmesh/{name}": (value,) for name, value in properties.items()},
    )


def test_the_same_version_is_no_change() -> None:
    assert code_change(asset("1", "SELECT 1"), asset("1", "SELECT 2")) is None


@pytest.mark.parametrize(
    ("old", "new", "cause", "names"),
    [
        (asset("1", "SELECT 1"), asset("2", "SELECT 2"), Cause.QUERY, ()),
        (asset("1", "SELECT @f(1)"), asset("2", "SELECT @f(1)"), Cause.MACRO, ("@f",)),
        (asset("1", "SELECT 1"), asset("2", "SELECT 1"), Cause.UNSEEN, ()),
        (asset("1", kind="VIEW"), asset("2", kind="FULL"), Cause.DEFINITION, ("sqlmesh/kind",)),
        (asset("1", kind="SEED"), asset("2", kind="SEED"), Cause.SEED, ()),
        (asset("1", kind="FULL"), asset("2", kind="FULL"), Cause.PYTHON, ()),
        (asset("1"), asset("2", "SELECT 1"), Cause.QUERY, ()),
    ],
)
def test_causes(old: ParsedAsset, new: ParsedAsset, cause: Cause, names: tuple[str, ...]) -> None:
    assert code_change(old, new) == CodeChange("1", "2", cause, names)
    assert cause.directly is (cause not in {Cause.MACRO, Cause.UNSEEN})


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT 1", ()),
        ("SELECT @euros(x), @EUROS(y), @rate", ("@EUROS", "@euros", "@rate")),
        ("SELECT * FROM t WHERE d BETWEEN @start_date AND @END_DS", ()),
        ("SELECT @EACH(@columns, c -> @c)", ("@columns",)),
        ("SELECT @VAR('rate')", ("@VAR",)),
        ("SELECT rank_@c, a@b, @@version", ()),
        ("SELECT {{ euros('x') }}", ("Jinja",)),
        ("{% if x %}SELECT 1{% endif %}", ("Jinja",)),
    ],
)
def test_macros_in_a_query(query: str, names: tuple[str, ...]) -> None:
    assert macros_in(query) == names


def test_macros_of_sqlmesh_are_not_listed() -> None:
    own = {"blueprint_var", "var"}
    found = {name for name in macros.macro.get_registry() if macros_in(f"@{name}(x)")}
    assert found - own == set()
