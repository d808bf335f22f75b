"""Names are valid, stable and unique."""

from __future__ import annotations

import keyword
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import audit, table
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.sqlmesh_project.records import Audit, AuditUse, TableName
from dg_sqlmesh_codegen.translation import naming

QUICK = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("orders", "orders"),
        ("Orders", "Orders"),
        ("my-orders.v2", "my_orders_v2"),
        ("2024_orders", "_2024_orders"),
        ("größe", "gr__e"),
        ("class", "class_"),
        ("None", "None_"),
        ("", "_"),
        ("__init__()", "__init____"),
        ("a\nb", "a_b"),
        ("٣", "_"),
    ],
)
def test_identifiers(text: str, identifier: str) -> None:
    assert Identifier(text) == identifier


@QUICK
@given(st.text())
def test_any_text_makes_an_identifier(text: str) -> None:
    name = Identifier(text)
    assert name.isidentifier()
    assert name.isascii()
    assert not keyword.iskeyword(name)
    assert Identifier(name) == name


def test_long_names_are_cut_and_told_apart() -> None:
    tables = [table(f"s.{'x' * 300}{end}") for end in "12"]
    first, second = (path[-1] for path in naming.module_paths(tables))
    assert first != second
    assert first.startswith("x" * 100)
    # 255 is what file systems take, and a temporary file's name is longer than its target's.
    assert max(len(first), len(second)) < 200


@QUICK
@example("\ud800" * 170)
@given(st.text(st.characters(exclude_categories=()), min_size=150, max_size=170))
def test_any_long_text_makes_a_file_name(text: str) -> None:
    ((*_, name),) = naming.module_paths([TableName(None, "s", text)])
    assert name.isidentifier()
    assert len(name) < 200


DIGEST = "_[0-9a-f]{8}"


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        (["shop.sales.orders", "sales.lines"], ["shop/sales/orders", "sales/lines"]),
        (["my-shop.1st.import"], ["my_shop/_1st/import_"]),
        # The name that the rules do not change stays; if there is none, each gets a digest.
        (["s.客户", "s.订单"], [f"s/__{DIGEST}", f"s/__{DIGEST}"]),
        (["s.é", "s.è"], [f"s/_{DIGEST}", f"s/_{DIGEST}"]),
        (["s.a b", "s.a-b", "s.a_b"], [f"s/a_b{DIGEST}", f"s/a_b{DIGEST}", "s/a_b"]),
        (["s.1st", "s._1st"], [f"s/_1st{DIGEST}", "s/_1st"]),
        # One of them alone has the name that it had in 0.1.0.
        (["s.客户", "s.größe"], ["s/__", "s/gr__e"]),
        # One file or folder where a file system ignores case.
        (["s.Orders", "s.orders"], [f"s/Orders{DIGEST}", "s/orders"]),
        (["c.Sales.x", "c.sales.y"], [f"c/Sales{DIGEST}/x", "c/sales/y"]),
        # One import name: c__class___x__a.
        (["c.class.x__a", "c.class___x.a"], ["c/class_/x__a", f"c/class___x/a{DIGEST}"]),
        # The place of a folder, and of its __init__.py.
        (["c.sales", "c.sales.orders"], [f"c/sales{DIGEST}", "c/sales/orders"]),
        (["s.__init__", "s.x"], [f"s/__init__{DIGEST}", "s/x"]),
        (["a.sales.x", "b.sales.x", "x.x.x"], ["a/sales/x", "b/sales/x", "x/x/x"]),
    ],
)
def test_modules_are_told_apart(names: list[str], patterns: list[str]) -> None:
    paths = naming.module_paths([table(name) for name in names])
    for path, pattern in zip(paths, patterns, strict=True):
        assert re.fullmatch(pattern, "/".join(path))


def test_a_model_may_be_named_like_a_digest() -> None:
    tables = [table("s.a-b"), table("s.a b")]
    names = {path[-1] for path in naming.module_paths(tables)}
    tables += [table(f"s.{name}") for name in names]
    found = {path[-1] for path in naming.module_paths(tables)}
    assert len(found) == 4
    assert found > names  # they are the true names of two models now


PARTS = st.sampled_from(["é", "è", "a b", "a-b", "a_b", "A_b", "a", "A", "b__c", "a__b", "c", "_"])
tables = st.builds(TableName, st.sampled_from(["a", "A", "a__b"]), PARTS, PARTS)


@QUICK
@given(st.lists(tables | tables.map(lambda each: replace(each, catalog=None)), unique=True))
def test_no_two_models_have_one_file_and_no_file_is_a_folder(some: list[TableName]) -> None:
    paths = naming.module_paths(some)
    files = {"/".join(path).lower() for path in paths}
    folders = {"/".join(path[:end]) for path in paths for end in range(1, len(path))}
    assert len(files) == len(some)
    assert len({folder.lower() for folder in folders}) == len(folders)
    assert not files & {folder.lower() for folder in folders}
    assert len({naming.import_name(path).lower() for path in paths}) == len(some)
    assert naming.module_paths(some[::-1]) == paths[::-1]


def test_key_parts_keep_what_dagster_takes() -> None:
    assert naming.asset_key(TableName("a-b", "c.d", "e f")) == ("a-b", "c.d", "e_f")


UPPER = "_[0-9A-F]{8}"


@pytest.mark.parametrize(
    ("audits", "patterns"),
    [
        ({audit(): "a", audit("assert-x"): "b"}, ["NOT_NULL", "ASSERT_X"]),
        (
            {audit("1st"): "a", audit("größe"): "a", audit("class"): "a"},
            ["_1ST", "GR_SSE", "CLASS"],
        ),
        # Inline audits of two models, and audits of two projects.
        ({audit(query="1"): "b", audit(query="2"): "a"}, [f"NOT_NULL{UPPER}", "NOT_NULL"]),
        ({audit("a_b"): "b", audit("a.b"): "a"}, ["A_B", f"A_B{UPPER}"]),
        ({audit("total"): "", audit("total", query="2"): "a"}, ["TOTAL", f"TOTAL{UPPER}"]),
    ],
)
def test_constants_of_audits(audits: dict[AuditUse, str], patterns: list[str]) -> None:
    users = {use.audit: user for use, user in audits.items()}
    for names in (naming.audit_constants(users), naming.audit_constants(reverse(users))):
        assert [*names] in ([*users], [*users][::-1])
        assert len({*names.values()}) == len(users)
        for audit_, pattern in zip(users, patterns, strict=True):
            assert re.fullmatch(pattern, names[audit_])


def reverse(users: dict[Audit, str]) -> dict[Audit, str]:
    return dict(reversed(users.items()))


def test_a_constant_does_not_depend_on_the_query() -> None:
    first, second = (
        naming.audit_constants({audit(query=q).audit: "b", audit(query=f"{q}{q}").audit: "a"})
        for q in ("1", "2")
    )
    assert [*first.values()] == [*second.values()]
