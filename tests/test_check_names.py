"""The names of checks are valid, unique and always the same: Dagster keeps history by them."""

from __future__ import annotations

import re
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dg_sqlmesh_codegen.check_names import EXECUTION_STATUS_CHECK, Use, check_names

CHECK_NAME = re.compile(r"[A-Za-z0-9_]+")
DIGEST = "_[0-9a-f]{8}"
QUICK = settings(max_examples=100, deadline=None)

one_use = st.tuples(
    st.sampled_from(
        ["not_null", "not_null__a", "unique_values", "not-null", EXECUTION_STATUS_CHECK]
    ),
    st.lists(
        st.tuples(st.sampled_from(["columns", "condition"]), st.text("aB_1 ,()é", max_size=60)),
        max_size=2,
        unique_by=lambda arg: arg[0],
    ).map(tuple),
    st.booleans(),
)
uses = st.lists(one_use, max_size=6, unique=True)


def use(name: str = "not_null", standalone: bool = False, **args: str) -> Use:
    return name, tuple(args.items()), standalone


@pytest.mark.parametrize(
    ("uses_of_one", "patterns"),
    [
        # An audit that is used once keeps its name.
        ([use(columns="(id)"), use("unique_values")], ["not_null", "unique_values"]),
        (
            [use(columns="(order_id)"), use(columns="(customer_id, day)"), use("forall")],
            ["not_null__order_id", "not_null__customer_id_day", "forall"],
        ),
        ([use(), use(columns="(id)")], ["not_null", "not_null__id"]),
        # Arguments, audits or a standalone audit whose names are the same get a digest.
        (
            [use(columns="(a, b)"), use(columns="(a_b)")],
            [f"not_null__a_b{DIGEST}", f"not_null__a_b{DIGEST}"],
        ),
        ([use("not-null"), use("not_null")], [f"not_null{DIGEST}", f"not_null{DIGEST}"]),
        (
            [use("total"), use("total", standalone=True)],
            [f"total{DIGEST}", f"total{DIGEST}"],
        ),
        (
            [use(columns="a"), use(columns="b"), use("not_null__a")],
            [f"not_null__a{DIGEST}", "not_null__b", f"not_null__a{DIGEST}"],
        ),
        # The execution status is ours.
        ([use(EXECUTION_STATUS_CHECK)], [f"{EXECUTION_STATUS_CHECK}{DIGEST}"]),
        ([use("sqlmesh-execution-status")], [f"{EXECUTION_STATUS_CHECK}{DIGEST}"]),
        (
            [use(EXECUTION_STATUS_CHECK, condition="()"), use(EXECUTION_STATUS_CHECK)],
            [f"{EXECUTION_STATUS_CHECK}{DIGEST}", f"{EXECUTION_STATUS_CHECK}{DIGEST}"],
        ),
        # A lone surrogate has a digest too.
        (
            [use(condition="a \ud800"), use(condition="a")],
            [f"not_null__a{DIGEST}", f"not_null__a{DIGEST}"],
        ),
    ],
)
def test_check_names(uses_of_one: list[Use], patterns: list[str]) -> None:
    names = check_names(uses_of_one)
    assert len({*names}) == len(uses_of_one)
    for name, pattern in zip(names, patterns, strict=True):
        assert re.fullmatch(pattern, name)


@pytest.mark.parametrize("length", [47, 48, 49, 5000])
def test_long_arguments_are_cut_and_told_apart(length: int) -> None:
    common = "x" * length
    first, second = check_names([use(columns=f"{common}1"), use(columns=f"{common}2")])
    assert first != second
    assert max(len(first), len(second)) <= len("not_null__") + 48 + len("_12345678")


def test_a_digest_is_the_same_in_every_process() -> None:
    # A value that a changed digest would change: names of checks hold history in Dagster.
    names = check_names([use(columns="x" * 50), use(columns="y")])
    assert names == (f"not_null__{'x' * 48}_5da8cba7", "not_null__y")


@QUICK
@given(uses)
def test_check_names_are_valid_unique_and_not_ours(uses_of_one: list[Use]) -> None:
    names = check_names(uses_of_one)
    assert len(names) == len(uses_of_one)
    assert len({*names, EXECUTION_STATUS_CHECK}) == len(names) + 1
    assert all(CHECK_NAME.fullmatch(name) for name in names)


@QUICK
@given(uses.filter(lambda some: len(some) < 5))
def test_a_name_does_not_depend_on_the_order_of_the_audits(uses_of_one: list[Use]) -> None:
    expected = dict(zip(uses_of_one, check_names(uses_of_one), strict=True))
    for shuffled in permutations(uses_of_one):
        assert dict(zip(shuffled, check_names(shuffled), strict=True)) == expected


@QUICK
@given(uses, one_use)
def test_another_audit_does_not_rename_the_others(uses_of_one: list[Use], new: Use) -> None:
    names = check_names(uses_of_one)
    unrelated = ("something_else", *new[1:])
    assert check_names([*uses_of_one, unrelated])[: len(names)] == names
