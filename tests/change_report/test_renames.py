"""Which removed asset is the same model as which added one."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dg_sqlmesh_codegen.change_report.model import ParsedAsset, Property
from dg_sqlmesh_codegen.change_report.renames import renames


def asset(
    key: str, query: str | None = None, version: str | None = None, fqn: str = "", source: str = ""
) -> ParsedAsset:
    return ParsedAsset(
        key=tuple(key.split(".")),
        fqn=fqn or key,
        path=PurePosixPath("models", f"{key}.py"),
        code_version=version,
        query=query,
        properties=(Property("sqlmesh/source", (source,)),),
    )


X = asset("a.x", "SELECT 1", "1")
OTHER = asset("c.z", "SELECT 3")
MOVED = asset("prefix.z", "SELECT 2", fqn="m")


@pytest.mark.parametrize(
    ("removed", "added", "found"),
    [
        (X, [asset("b.y", "SELECT 1"), OTHER], "b.y: same_query"),
        (X, [asset("b.x", "SELECT 2"), OTHER], "b.x: same_name"),
        (X, [asset("b.x", "SELECT 2"), asset("a.y", "SELECT 1")], "a.y: same_query"),
        # The code version counts for Python models and seeds. With a query, only the query counts.
        (asset("a.x", version="1"), [asset("a.y", version="1")], "a.y: same_code"),
        (X, [asset("a.y", "SELECT 2", "1")], None),
        (asset("a.x"), [asset("a.y")], None),
        # The same SQLMesh model under another key.
        (asset("x", "SELECT 1", fqn="m"), [asset("y", "SELECT 1"), MOVED], "prefix.z: same_model"),
    ],
)
def test_one_removed_asset(
    removed: ParsedAsset, added: list[ParsedAsset], found: str | None
) -> None:
    reasons = [
        f"{'.'.join(each.new.key)}: {each.reason.value}" for each in renames([removed], added)
    ]
    assert reasons == ([found] if found else [])


def test_of_several_with_one_query_names_and_files_decide() -> None:
    removed = [asset(f"a.{name}", "SELECT 1", source=name) for name in "xyz"]
    added = [asset("b.z", "SELECT 1"), asset("b.w", "SELECT 1")]
    added.append(asset("b.v", "SELECT 1", source="x"))
    found = renames(removed, added)
    assert {".".join(each.old.key): ".".join(each.new.key) for each in found} == {
        "a.x": "b.v",
        "a.y": "b.w",
        "a.z": "b.z",
    }


def test_a_query_that_many_models_share_is_no_evidence() -> None:
    removed = [asset(f"a.x{number}", "SELECT 1") for number in range(1000)]
    added = [asset(f"a.y{number}", "SELECT 1") for number in range(1000)]
    assert not renames(removed, added)
    moved = [asset(f"b.x{number}", "SELECT 1") for number in range(1000)]
    assert len(renames(removed, moved)) == 1000


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
    forth, back = renames(removed, added), renames(added, removed)
    assert {(each.old.key, each.new.key, each.reason) for each in forth} == {
        (each.new.key, each.old.key, each.reason) for each in back
    }
    for pair in zip(*((each.old.key, each.new.key) for each in forth), strict=True):
        assert len(set(pair)) == len(forth)
