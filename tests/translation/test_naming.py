"""Names are valid, stable and unique."""

from __future__ import annotations

import keyword
import re
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import audit, table
from dg_sqlmesh_codegen.python_names import Identifier, ModuleName
from dg_sqlmesh_codegen.sqlmesh_project.records import Audit, TableName
from dg_sqlmesh_codegen.translation import naming
from dg_sqlmesh_codegen.translation.naming import EXECUTION_STATUS_CHECK

CHECK_NAME = re.compile(r"[A-Za-z0-9_]+")
QUICK = settings(max_examples=100, deadline=None)

audits = st.builds(
    Audit,
    name=st.sampled_from(
        ["not_null", "not_null__a", "unique_values", "not-null", EXECUTION_STATUS_CHECK]
    ),
    args=st.lists(
        st.tuples(st.sampled_from(["columns", "condition"]), st.text("aB_1 ,()é", max_size=60)),
        max_size=2,
        unique_by=lambda arg: arg[0],
    ).map(tuple),
    blocking=st.booleans(),
    dialect=st.just("duckdb"),
    query=st.just("SELECT 1"),
    standalone=st.booleans(),
)
uses = st.lists(audits, max_size=6, unique_by=lambda use: (use.name, use.args, use.standalone))


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


def test_a_module_name_is_dotted() -> None:
    assert ModuleName([Identifier("shop"), Identifier("class")]) == "shop.class_"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("shop.sales.orders", ("shop", "sales", "orders")),
        ("sales.orders", ("sales", "orders")),
        ("my-shop.1st.import", ("my_shop", "_1st", "import_")),
    ],
)
def test_module_paths(name: str, path: tuple[str, ...]) -> None:
    assert naming.module_paths([table(name)]) == [path]


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


@pytest.mark.parametrize(
    ("audits", "patterns"),
    [
        # An audit that is used once keeps its name.
        ([audit(columns="(id)"), audit("unique_values")], ["not_null", "unique_values"]),
        (
            [audit(columns="(order_id)"), audit(columns="(customer_id, day)"), audit("forall")],
            ["not_null__order_id", "not_null__customer_id_day", "forall"],
        ),
        ([audit(), audit(columns="(id)")], ["not_null", "not_null__id"]),
        # Arguments, audits or a standalone audit whose names are the same get a digest.
        (
            [audit(columns="(a, b)"), audit(columns="(a_b)")],
            [f"not_null__a_b{DIGEST}", f"not_null__a_b{DIGEST}"],
        ),
        ([audit("not-null"), audit("not_null")], [f"not_null{DIGEST}", f"not_null{DIGEST}"]),
        (
            [audit("total"), replace(audit("total"), standalone=True)],
            [f"total{DIGEST}", f"total{DIGEST}"],
        ),
        (
            [audit(columns="a"), audit(columns="b"), audit("not_null__a")],
            [f"not_null__a{DIGEST}", "not_null__b", f"not_null__a{DIGEST}"],
        ),
        # A lone surrogate has a digest too.
        (
            [audit(condition="a \ud800"), audit(condition="a")],
            [f"not_null__a{DIGEST}", f"not_null__a{DIGEST}"],
        ),
    ],
)
def test_check_names(audits: list[Audit], patterns: list[str]) -> None:
    names = naming.check_names(audits)
    assert len({*names}) == len(audits)
    for name, pattern in zip(names, patterns, strict=True):
        assert re.fullmatch(pattern, name)


@pytest.mark.parametrize(
    "uses_of_it",
    [
        [audit(EXECUTION_STATUS_CHECK)],
        [audit("sqlmesh-execution-status")],
        [audit(EXECUTION_STATUS_CHECK), audit(EXECUTION_STATUS_CHECK, columns="id")],
        [audit(EXECUTION_STATUS_CHECK, condition="()"), audit(EXECUTION_STATUS_CHECK)],
    ],
)
def test_the_execution_status_is_ours(uses_of_it: list[Audit]) -> None:
    names = naming.check_names(uses_of_it)
    assert EXECUTION_STATUS_CHECK not in names
    assert all(name.startswith(EXECUTION_STATUS_CHECK) for name in names)
    assert len({*names}) == len(uses_of_it)


@pytest.mark.parametrize("length", [47, 48, 49, 5000])
def test_long_arguments_are_cut_and_told_apart(length: int) -> None:
    common = "x" * length
    first, second = naming.check_names([audit(columns=f"{common}1"), audit(columns=f"{common}2")])
    assert first != second
    assert max(len(first), len(second)) <= len("not_null__") + 48 + len("_12345678")


def test_a_digest_is_the_same_in_every_process() -> None:
    # A value that a changed digest would change: names of checks hold history in Dagster.
    names = naming.check_names([audit(columns="x" * 50), audit(columns="y")])
    assert names == (f"not_null__{'x' * 48}_5da8cba7", "not_null__y")


@QUICK
@given(uses)
def test_check_names_are_valid_unique_and_not_ours(uses_of_one: list[Audit]) -> None:
    names = naming.check_names(uses_of_one)
    assert len(names) == len(uses_of_one)
    assert len({*names, EXECUTION_STATUS_CHECK}) == len(names) + 1
    assert all(CHECK_NAME.fullmatch(name) for name in names)


@QUICK
@given(uses.filter(lambda some: len(some) < 5))
def test_a_name_does_not_depend_on_the_order_of_the_audits(uses_of_one: list[Audit]) -> None:
    expected = dict(zip(uses_of_one, naming.check_names(uses_of_one), strict=True))
    for shuffled in permutations(uses_of_one):
        assert dict(zip(shuffled, naming.check_names(shuffled), strict=True)) == expected


def test_a_name_does_not_depend_on_query_dialect_or_blocking() -> None:
    uses = [audit(columns="(a, b)"), audit(columns="(a_b)"), audit("x"), audit(columns="c" * 60)]
    changed = [
        replace(use, query="SELECT 2", dialect="spark", blocking=not use.blocking) for use in uses
    ]
    assert naming.check_names(changed) == naming.check_names(uses)


@QUICK
@given(uses, audits)
def test_another_audit_does_not_rename_the_others(uses_of_one: list[Audit], new: Audit) -> None:
    names = naming.check_names(uses_of_one)
    unrelated = replace(new, name="something_else")
    assert naming.check_names([*uses_of_one, unrelated])[: len(names)] == names
