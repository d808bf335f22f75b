"""Which removed asset is the same model as which added one."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dg_sqlmesh_codegen.change_report.model import ParsedAsset
from dg_sqlmesh_codegen.change_report.renames import take_renames


def asset(
    key: str, query: str | None = None, version: str | None = None, fqn: str = ""
) -> ParsedAsset:
    path = PurePosixPath("models", f"{key}.py")
    return ParsedAsset(tuple(key.split(".")), fqn or key, path, version, query=query)


def pairs(removed: list[ParsedAsset], added: list[ParsedAsset]) -> list[str]:
    return [
        f"{'.'.join(each.old.key)} -> {'.'.join(each.new.key)}: {each.reason.value}"
        for each in take_renames([*removed], [*added])
    ]


X = asset("a.x", "SELECT 1", "1")
OTHER = asset("c.z", "SELECT 3")
MOVED = asset("prefix.z", "SELECT 2", fqn="m")


@pytest.mark.parametrize(
    ("removed", "added", "found"),
    [
        ([X], [asset("b.y", "SELECT 1"), OTHER], ["a.x -> b.y: same_query"]),
        ([X], [asset("b.x", "SELECT 2"), OTHER], ["a.x -> b.x: same_name"]),
        (
            [X],
            [asset("b.x", "SELECT 2"), asset("a.y", "SELECT 1")],
            ["a.x -> a.y: same_query"],
        ),
        # The code version counts for Python models and seeds. With a query, only the query counts.
        ([asset("a.x", version="1")], [asset("a.y", version="1")], ["a.x -> a.y: same_code"]),
        ([X], [asset("a.y", "SELECT 2", "1")], []),
        ([asset("a.x")], [asset("a.y")], []),
        # The same SQLMesh model under another key.
        (
            [asset("x", "SELECT 1", fqn="m")],
            [asset("y", "SELECT 1"), MOVED],
            ["x -> prefix.z: same_model"],
        ),
        # A query that several models share is no evidence; their names may be.
        (
            [X, asset("a.y", "SELECT 1")],
            [asset("b.y", "SELECT 1"), asset("b.z", "SELECT 1")],
            ["a.y -> b.y: same_name"],
        ),
    ],
)
def test_renames(removed: list[ParsedAsset], added: list[ParsedAsset], found: list[str]) -> None:
    assert pairs(removed, added) == found


def test_all_models_move_to_another_schema() -> None:
    removed, added = ([asset(f"{s}.x{n}", "SELECT 1") for n in range(1000)] for s in "ab")
    assert len(pairs(removed, added)) == 1000


assets = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")),
    st.tuples(st.sampled_from(["1", "2", None]), st.sampled_from("12"), st.sampled_from("12")),
    max_size=6,
)


@given(assets, assets)
def test_both_directions_find_the_same(
    old: dict[tuple[str, str], tuple[str | None, str, str]],
    new: dict[tuple[str, str], tuple[str | None, str, str]],
) -> None:
    removed = [asset(".".join(key), *values) for key, values in old.items() if key not in new]
    added = [asset(".".join(key), *values) for key, values in new.items() if key not in old]
    forth, back = take_renames([*removed], [*added]), take_renames([*added], [*removed])
    assert {(each.old.key, each.new.key, each.reason) for each in forth} == {
        (each.new.key, each.old.key, each.reason) for each in back
    }
    for keys in zip(*((each.old.key, each.new.key) for each in forth), strict=True):
        assert len(set(keys)) == len(forth)
