"""The Markdown of a summary: its sentences, its limits, and that any name is safe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from builders import audit, fqn, model
from dg_sqlmesh_codegen.change_report import markdown, summarize
from dg_sqlmesh_codegen.change_report.markdown import MAX_BYTES
from dg_sqlmesh_codegen.change_report.model import (
    AssetChange,
    Cause,
    Change,
    CodeChange,
    Edge,
    ParsedAsset,
    Rename,
    RenameReason,
    Summary,
    UnreadFile,
)
from dg_sqlmesh_codegen.rendering.header import MARK
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Model, ModelKind
from packages import package

RAW = model("s.a.raw", query="SELECT 1", data_hash="1")
MART = model(
    "s.a.mart", query="SELECT @f(x) FROM a.raw", data_hash="2", depends_on=(RAW.fqn,), owner="a"
)


def sections(old: Model, new: Model) -> str:
    """Return the summary without its title and its flowchart."""
    text = markdown(summarize(package(RAW, old), package(RAW, new)))
    return text.removeprefix("### Changes to the asset graph\n\n").partition("\n```mermaid")[0]


def test_nothing_changed_as_far_as_it_can_be_read() -> None:
    old = package(RAW)
    title = "### Changes to the asset graph\n\n"
    assert markdown(summarize(old, old)) == f"{title}Nothing changed in the graph.\n"
    new = old | {PurePosixPath("definitions.py"): f"{MARK}\n<<<<<<< HEAD\n"}
    assert markdown(summarize(old, new)) == (
        f"{title}Nothing changed in the part of the graph that could be read.\n\n"
        "**Not compared**\n\n"
        "- `definitions.py` (new): it contains merge conflict markers\n"
    )


COLUMNS = (Column("a", "INT"), Column("b", "INT"), Column("c", "INT", "x"))
NEW_COLUMNS = (Column("d", "INT"), Column("b", "TEXT"), Column("c", "INT", "y"))
NOT_NULL = audit("not_null", columns="(id)")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            {},
            {"owner": "b", "description": "The mart", "tags": ("pii", "x", "dagster:group_name:g")},
            "1 asset with changed metadata.\n\n**Other metadata**\n\n"
            "- `s/a/mart`: description: none → `The mart`; group: `sqlmesh` → `g`; "
            "owners: `team:a` → `team:b`; tags: added `pii=true`, `x=true`\n",
        ),
        (
            {},
            {"data_hash": "3"},
            "1 model changed through a macro or a variable.\n\n"
            "**Code version changed through a macro or a variable**\n\n"
            "- `s/a/mart`: same query; it uses `@f`\n",
        ),
        (
            {},
            {"query": "SELECT 1", "data_hash": "3", "depends_on": (fqn("s.a.other"),)},
            "1 edge added, 1 edge removed, 1 model changed directly.\n\n**Edges**\n\n"
            "- `s/a/mart` now reads `s/a/other`\n- `s/a/mart` no longer reads `s/a/raw`\n\n"
            "**Code version changed directly**\n\n- `s/a/mart`: query\n",
        ),
        # A kind without another code version: what follows from it is left out.
        (
            {},
            {"kind": ModelKind("VIEW"), "fqn": '"s"."A"."mart"', "query": "SELECT 1"},
            "1 asset with changed metadata.\n\n**Other metadata**\n\n"
            '- `s/a/mart`: fqn: `"s"."a"."mart"` → `"s"."A"."mart"`; kind: `FULL` → `VIEW`; '
            "query: `SELECT @f(x) FROM a.raw` → `SELECT 1`\n",
        ),
        (
            {"columns": COLUMNS},
            {"columns": NEW_COLUMNS},
            "3 columns changed, 1 asset with changed metadata.\n\n**Columns**\n\n"
            "- `s/a/mart`: `a` removed; `b`: `INT` → `TEXT`; `d` added: `INT`\n\n"
            "**Other metadata**\n\n- `s/a/mart`: description of `c`: `x` → `y`\n",
        ),
        (
            {"columns": (Column("net_price", "INT"),)},
            {"columns": (Column("net_price", "INT", "x", ((RAW.fqn, "list_price"),)),)},
            "1 asset with changed metadata.\n\n**Other metadata**\n\n- `s/a/mart`: "
            "columns that `net_price` is made from: none → `s/a/raw.list_price`; "
            "description of `net_price`: none → `x`\n",
        ),
        (
            {"audits": (NOT_NULL,)},
            {"audits": (NOT_NULL, audit("not_null", columns="(x)"))},
            "2 audits changed.\n\n**Audits**\n\n"
            "- `s/a/mart`: `not_null(columns := (id))`: `check not_null` → `check not_null__id`; "
            "`not_null(columns := (x))` added: `blocking`\n",
        ),
        (
            {"audits": (NOT_NULL, audit("gone"), audit("same"))},
            {"audits": (audit("same"), replace(NOT_NULL, blocking=False), audit("fresh"))},
            "3 audits changed.\n\n**Audits**\n\n"
            "- `s/a/mart`: `fresh` added: `blocking`; `gone` removed; "
            "`not_null(columns := (id))`: `blocking` → `non-blocking`\n",
        ),
    ],
)
def test_changes_of_one_model(old: dict[str, object], new: dict[str, object], text: str) -> None:
    assert sections(replace(MART, **old), replace(MART, **new)) == text  # type: ignore[arg-type]


def test_models_with_the_same_phrases_share_a_line() -> None:
    models = [replace(MART, fqn=fqn(f"s.a.m{n}"), table=model(f"s.a.m{n}").table) for n in range(9)]
    new = [replace(each, data_hash="3") for each in models]
    assert (
        "- `s/a/m0`, `s/a/m1`, `s/a/m2`, `s/a/m3` and 5 more: same query; it uses `@f`"
    ) in markdown(summarize(package(*models), package(*new)))


def test_schedules_and_settings() -> None:
    old = package(replace(RAW, cron_tz="Europe/Berlin"))
    text = markdown(summarize(old, package(RAW, environment="dev")))
    assert "europe_berlin` removed\n" in text
    assert "- `sqlmesh_adaptive_schedule` added: `0 0 * * *`, `UTC`\n" in text
    assert "- resource environment: `prod` → `dev`\n" in text


# ---- any summary at all

NASTY = ("`", "```\n", "<b>", "\n\n# x\n", '"]', "|", "\ud800", "\u202e", "x" * 300, "é", "🦆" * 90)
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=5), max_size=4).map("".join)


def full_of(text: str) -> Summary:
    """Return a summary with this text as every name and value."""
    key, values = (text, text), (text, text)
    properties = dict.fromkeys(("group_name", "sqlmesh/kind", text), values)
    path = PurePosixPath("models/x.py")
    asset = ParsedAsset(key, text, path, None, (key,), text, properties, properties, properties)
    other = replace(asset, key=(f"{text}x",))
    sides = ((), (text,), values, (f"{text}x", "y"), (f"{text}x",))
    differences = tuple(Change(text, old, new) for old in sides for new in sides if old != new)
    changes = tuple(
        AssetChange(
            asset,
            replace(other, key=(text, cause.value)),
            CodeChange(text, text, cause, values),
            *(differences, differences, differences),
        )
        for cause in Cause
    )
    return Summary(
        added=(asset, replace(other, external=True)),
        removed=(other,),
        renamed=tuple(Rename(asset, other, reason) for reason in RenameReason),
        changed=changes,
        edges_added=(Edge(key, other.key),),
        edges_removed=(Edge(other.key, key),),
        neighbours=(Edge(key, key),),
        schedules=differences,
        settings=differences,
        notes=(UnreadFile(PurePosixPath(text), "old", "a reason"),),
    )


ALLOWED = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "fence"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
}
INLINE = {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
OWN_WORDS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,;:'()→…-")


@settings(max_examples=50, deadline=None)
@given(texts)
def test_no_name_can_break_out(name: str) -> None:
    """A Markdown parser finds only our own structure and words; the rest is in code spans."""
    text = markdown(full_of(name))
    assert len(text.encode()) <= MAX_BYTES
    assert text.splitlines()[2].startswith("2 assets added, 1 asset removed, 4 assets renamed, ")
    tokens = MarkdownIt("commonmark", {"html": True}).parse(text)
    assert {token.type for token in tokens} <= ALLOWED
    assert sum(token.type == "heading_open" for token in tokens) == 1
    assert sum(token.type == "fence" for token in tokens) <= 1
    assert all(token.level <= 3 for token in tokens)
    for token in tokens:
        for child in token.children or []:
            assert child.type in INLINE
            if child.type == "text":
                assert set(child.content) <= OWN_WORDS


def test_a_giant_change_fits_into_a_comment() -> None:
    number = 1_500

    def asset(name: str, size: int) -> ParsedAsset:
        deps = tuple(("shop", "東京" * 40, f"d{each}") for each in range(30))
        return ParsedAsset(
            ("shop", "größe" * 30, name), "", PurePosixPath("x"), str(size), deps=deps
        )

    changed = tuple(
        AssetChange(
            asset(f"c{each}", 1),
            asset(f"c{each}", 2),
            CodeChange("1", "2", Cause.MACRO, (f"@f{each}",)),
            properties=tuple(
                Change(f"p{name}", ("x" * 200,), (f"y{each}" * 90,)) for name in range(20)
            ),
        )
        for each in range(number)
    )
    added = tuple(asset(f"a{each}", 1) for each in range(number))
    text = markdown(Summary(added=added, changed=changed))
    assert len(text.encode()) <= MAX_BYTES
    assert f"{number:,} assets added, {number:,} models changed through a macro" in text
    assert " more\n" in text
    assert f"The flowchart leaves out {2 * number - 40:,} assets." in text
