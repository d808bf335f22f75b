"""Who reads which variable, and whether it still has the value that it had."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from dg_sqlmesh_codegen.cache.variables import Variables, listening
from dg_sqlmesh_codegen.sqlmesh_project.configurations import environment

pytestmark = pytest.mark.sqlmesh

NAME = "SHOP_SOMETHING"


def heard(read: Callable[[], object]) -> set[str | None]:
    names: set[str | None] = set()
    with listening(names.add):
        read()
    return names


@pytest.mark.parametrize(
    "read",
    [
        lambda: os.environ.get(NAME),
        lambda: os.getenv(NAME, "default"),
        lambda: NAME in os.environ,
        lambda: os.environ.setdefault(NAME, "x"),
        lambda: os.path.expandvars(f"${NAME}/x"),
    ],
)
def test_one_variable(read: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "x")

    assert heard(read) == {NAME}


@pytest.mark.parametrize(
    "read",
    [
        lambda: list(os.environ),
        lambda: dict(os.environ),
        os.environ.copy,
        lambda: [value for value in os.environ.values() if value == "x"],
        lambda: {**os.environ},
        lambda: os.environ | {"X": "y"},
        lambda: repr(os.environ),
        lambda: os.environ == {},
    ],
)
def test_all_variables(read: Callable[[], object]) -> None:
    assert None in heard(read)


def test_who_holds_the_environment_already_is_heard() -> None:
    before = os.environ

    assert heard(lambda: before.get(NAME)) == {NAME}


def test_saving_and_restoring_reads_nothing() -> None:
    def save_and_restore() -> None:
        with environment({NAME: "x"}):
            pass

    assert heard(save_and_restore) == set()


def test_the_environment_is_what_it_was() -> None:
    kind, values = type(os.environ), dict(os.environ)
    with pytest.raises(KeyError), listening(lambda name: None):
        os.environ["NO_SUCH_VARIABLE"]

    assert (type(os.environ), dict(os.environ)) == (kind, values)
    assert os.environ.copy() == values


def test_what_was_read_is_the_same_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Variables.of(frozenset({NAME, "SHOP_UNSET"}), whole=False)
    assert read.same
    monkeypatch.setenv("SHOP_OTHER", "1")
    assert read.same
    monkeypatch.setenv("SHOP_UNSET", "")  # empty is not unset
    assert not read.same
    monkeypatch.delenv("SHOP_UNSET")
    assert read.same


@pytest.mark.parametrize("name", ["SQLMESH__X", "sqlmesh__x", "SQLMESH_HOME", "HOME"])
def test_some_variables_always_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Variables.of(frozenset(), whole=False)
    monkeypatch.setenv(name, "/somewhere")

    assert not read.same


def test_whoever_reads_all_depends_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Variables.of(frozenset(), whole=True)
    assert read.same
    monkeypatch.setenv("SHOP_OTHER", "1")
    assert not read.same


def test_no_value_can_be_compared_across_records() -> None:
    one, other = (Variables.of(frozenset({"HOME"}), whole=False) for _ in range(2))

    assert one.digest != other.digest
