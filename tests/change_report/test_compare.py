"""Compare two packages: each kind of change, then properties of all comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import external, fqn, model
from dg_sqlmesh_codegen.change_report import Format, markdown, summarize, text_of
from dg_sqlmesh_codegen.change_report.model import Cause, Change, Edge, PackageFiles, Summary
from dg_sqlmesh_codegen.rendering.header import MARK
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Model
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from packages import on_disk, package

RAW = model("shop.raw.orders", query="SELECT 1 AS id", data_hash="1")
STAGED = model(
    "shop.staging.orders", query="SELECT id FROM raw.orders", data_hash="2", depends_on=(RAW.fqn,)
)
MART = model("shop.marts.sales", query="SELECT 3 AS id", data_hash="3", depends_on=(STAGED.fqn,))
ALL = (RAW, STAGED, MART)

raw, staged, mart = (each.table.parts for each in ALL)


def keys(summary: Summary) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    return (
        [asset.key[-1] for asset in summary.added],
        [asset.key[-1] for asset in summary.removed],
        [(".".join(each.old.key), ".".join(each.new.key)) for each in summary.renamed],
    )


def test_a_model_is_added_on_top() -> None:
    summary = summarize(package(RAW, STAGED), package(*ALL))
    assert keys(summary) == (["sales"], [], [])
    assert summary.edges_added == (Edge(staged, mart),)
    assert not summary.changed
    assert not summary.edges_removed
    assert summary.marked == {mart}


def test_a_model_in_the_middle_is_removed() -> None:
    summary = summarize(package(*ALL), package(RAW, replace(MART, depends_on=RAW.depends_on)))
    assert keys(summary) == ([], ["orders"], [])
    assert summary.edges_removed == (Edge(raw, staged), Edge(staged, mart))
    assert summary.marked == {staged, mart}


def test_the_first_package() -> None:
    summary = summarize({}, package(*ALL))
    assert len(summary.added) == 3
    assert summary.schedules == (Change("sqlmesh_adaptive_schedule", (), ("0 0 * * *", "UTC")),)
    assert summary.settings


def test_a_rename_does_not_change_edges() -> None:
    renamed = model(
        "shop.stg.orders", query=STAGED.query, data_hash="2", depends_on=STAGED.depends_on
    )
    below = replace(MART, depends_on=(renamed.fqn,))
    summary = summarize(package(*ALL), package(RAW, renamed, below))
    new = ("shop", "stg", "orders")
    assert keys(summary)[2] == [("shop.staging.orders", "shop.stg.orders")]
    assert not summary.edges_added
    assert not summary.edges_removed
    assert summary.neighbours == (Edge(raw, new), Edge(new, mart))


class OnlyCron(SQLMeshTranslator):
    """As with `metadata_keys = ["cron"]`."""

    def get_metadata(self, model: Model, keys: Sequence[str]) -> Mapping[str, object]:
        """Return the cron alone."""
        return super().get_metadata(model, ["cron"])


@pytest.mark.parametrize(
    ("made", "cause", "names"),
    [
        (model(kind="SEED"), Cause.SEED, ()),
        (model(source=Path("/a.py")), Cause.PYTHON, ()),
        (model(query="SELECT 1"), Cause.UNSEEN, ("sqlmesh/query",)),
        (model(query="SELECT 1", cron="@hourly"), Cause.DEFINITION, ("sqlmesh/cron",)),
        (model(query="SELECT 1", partitioned_by=("a",)), Cause.UNSEEN, ("sqlmesh/query",)),
    ],
)
def test_properties_of_one_package_alone_are_no_cause(
    made: Model, cause: Cause, names: tuple[str, ...]
) -> None:
    all_keys = package(replace(made, data_hash="2", cron="@daily"))
    cron_alone = package(made, translator=OnlyCron())
    for old, new in ((all_keys, cron_alone), (cron_alone, all_keys)):
        (change,) = summarize(old, new).changed
        assert change.code
        assert (change.code.cause, change.code.names) == (cause, names)


def test_the_first_partition_of_a_model_is_a_cause() -> None:
    new = replace(RAW, data_hash="2", partitioned_by=("id",))
    (change,) = summarize(package(RAW), package(new)).changed
    assert change.code
    assert change.code.names == ("sqlmesh/partitioned_by",)


def test_a_query_that_becomes_python_code_is_a_cause() -> None:
    new = replace(RAW, data_hash="2", query=None, source=Path("/a.py"))
    (change,) = summarize(package(RAW), package(new)).changed
    assert change.code
    assert change.code.cause is Cause.QUERY


def test_layout_and_comments_do_not_count() -> None:
    old = package(*ALL)
    new = {path: f"{text}\n\n# {path}\n".replace("    ", "\t") for path, text in old.items()}
    assert summarize(old, new) == Summary()
    crlf = {path: text.replace("\n", "\r\n") for path, text in old.items()}
    assert summarize(old, crlf) == Summary()
    assert summarize(old, {path: old[path] for path in sorted(old, reverse=True)}) == Summary()


STAGED_FILE = PurePosixPath("models/shop/staging/orders.py")


@pytest.mark.parametrize("broken", ["old", "new", "both"])
def test_the_models_of_an_unreadable_file_are_not_added_or_removed(broken: str) -> None:
    torn = f"{MARK}\nmodel = ("
    old, new = package(*ALL), package(*ALL, model("shop.marts.more", query="SELECT 3"))
    sides = {"old": [old], "new": [new], "both": [old, new]}[broken]
    for side in sides:
        side[STAGED_FILE] = torn
    summary = summarize(old, new)
    assert keys(summary) == (["more"], [], [])
    assert (summary.changed, summary.edges_added, summary.edges_removed) == ((), (), ())
    assert {note.path for note in summary.notes} == {STAGED_FILE}
    assert {note.side for note in summary.notes} == (
        {broken} if len(sides) == 1 else {"old", "new"}
    )


# ---- properties of all comparisons

EXAMPLE = on_disk(Path(__file__).parents[2] / "generated_example/defs")
MODULES = sorted(path for path in EXAMPLE if len(path.parts) > 3 and path.name != "__init__.py")
EDITS = (
    ('code_version="', 'code_version="9'),
    ("SELECT", "select"),
    ('blocking": True', 'blocking": False'),
    ('["shop", "staging", ', '["shop", "stg", '),
    ('group_name="', 'group_name="x'),
    ("INT", "TEXT"),
    ("audits=(", "old_audits=("),
    ("ModelAsset(", "Something("),
    ("=", "=="),
    ("", ""),
)


# Some of the example's models, with edits. Hypothesis draws only paths and edits: a failure prints
# little.
edits = st.dictionaries(st.sampled_from(MODULES), st.sampled_from(EDITS), max_size=13)
Edits = dict[PurePosixPath, tuple[str, str]]


def edited(edits: Edits) -> PackageFiles:
    others = {path: text for path, text in EXAMPLE.items() if path not in MODULES}
    return others | {path: EXAMPLE[path].replace(*edit) for path, edit in edits.items()}


@settings(max_examples=80, deadline=None)
@given(edits, edits)
def test_every_asset_is_in_one_place_and_swapping_swaps(before: Edits, after: Edits) -> None:
    old, new = edited(before), edited(after)
    forth, back = summarize(old, new), summarize(new, old)
    assert (forth.added, forth.removed) == (back.removed, back.added)
    assert {(each.old.key, each.new.key, each.reason) for each in forth.renamed} == {
        (each.new.key, each.old.key, each.reason) for each in back.renamed
    }
    assert [(each.old, each.new) for each in forth.changed] == [
        (each.new, each.old) for each in sorted(back.changed, key=lambda each: each.old.key)
    ]
    if not forth.renamed:  # else edges go by the new name
        assert (forth.edges_added, forth.edges_removed) == (back.edges_removed, back.edges_added)

    skipped = {note.path for note in forth.notes}
    keys_before, keys_after = (
        {asset.key for asset in summarize({}, side).added if asset.path not in skipped}
        for side in (old, new)
    )
    added = {asset.key for asset in forth.added} | {each.new.key for each in forth.renamed}
    removed = {asset.key for asset in forth.removed} | {each.old.key for each in forth.renamed}
    assert (keys_before - removed) | added == keys_after
    assert not added & keys_before


UNREADABLE = PurePosixPath("models/a/b.py")
PATHS = [UNREADABLE, *map(PurePosixPath, ("definitions.py", "__init__.py", "models/__init__.py"))]
# Text that is not UTF-8 has lone surrogates.
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
texts = st.dictionaries(st.sampled_from(PATHS), any_text)
pieces = st.lists(st.sampled_from(MODULES), max_size=2)


@settings(max_examples=80, deadline=None)
@given(texts, texts, pieces)
def test_any_text_is_compared_or_listed(
    one: dict[PurePosixPath, str], other: dict[PurePosixPath, str], more: list[PurePosixPath]
) -> None:
    old, new = ({path: f"{MARK}\n{text}" for path, text in each.items()} for each in (one, other))
    for path in more:
        new[path] = EXAMPLE[path][: len(EXAMPLE[path]) // 2]
    summary = summarize(old, new)
    listed = {note.path for note in summary.notes}
    assert old == new or (UNREADABLE in listed) is (UNREADABLE in {*old, *new})
    markdown(summary).encode()
    text_of(summary, Format.JSON).encode("ascii")


# ---- external tables that have assets

ORDERS = replace(external("shop.raw.orders"), described=True, description="Orders")
KEY = ("shop", "raw", "orders")


def test_external_tables_come_and_go() -> None:
    without, with_them = package(STAGED), package(STAGED, externals=())
    summary = summarize(without, with_them)
    assert [(each.key, each.external) for each in summary.added] == [(KEY, True)]
    assert replace(summary, added=(), neighbours=()) == Summary()
    assert summary.neighbours == (Edge(KEY, staged),)
    assert "- `shop/raw/orders`: external table\n" in markdown(summary)
    assert summarize(with_them, without).removed == summary.added


def test_an_external_table_is_described_or_becomes_a_model() -> None:
    columns = (Column("id", "INT"),)
    old = package(STAGED, externals=())
    new = package(STAGED, externals=(replace(ORDERS, columns=columns),))
    (change,) = summarize(old, new).changed
    assert change.properties == (Change("description", (), ("Orders",)),)
    assert change.columns == (Change("id", (), ("INT",)),)
    assert change.code is None
    (change,) = summarize(old, package(RAW, STAGED, externals=())).changed
    assert Change("external table", ("yes",), ("no",)) in change.properties
    assert change.code is not None
    assert (change.code.old, change.code.new) == (None, "1")


def test_an_external_table_is_not_a_renamed_model() -> None:
    own = model("shop.own.lines", query="SELECT 7", data_hash="7")
    reader = replace(STAGED, depends_on=(fqn("shop.raw.lines"),))
    summary = summarize(package(own, externals=()), package(reader, externals=()))
    assert keys(summary) == (["lines", "orders"], ["lines"], [])
