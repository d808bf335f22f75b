"""Names with special characters, checked with a real Markdown parser."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dg_sqlmesh_codegen.change_report.escape import code, codes, label, listed

NASTY = (
    *('"', "`", "``", "a`b``c", "```", "~~~", "\\", "\\`", "|", "<b>", "</details>", "<!--", "-->"),
    *("&amp;", "&#96;", "![x](y)", "[x]: y", "javascript:x", "@team", "#1", "$x$", "$`x`$", "*x*"),
    *("\n", "\r\n", "\n\n# x", "\n```\n", "\n- x", "\t", "\x00", "\x1b[31m", "\u2028", "\u202e"),
    *(" ", "\ud800", "\udcff", "größe", "東京", "🦆", "e\u0301", "\u200d", "\xa0", "_x_"),
    *("]:::removed", '"]', "%%{init: {}}%%", "end", "#quot;", "#35;", "o--x", "style x:#35;"),
)
nasty = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=6).map("".join)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=100))
def test_what_can_be_seen_is_not_changed(text: str) -> None:
    item = MarkdownIt("commonmark").parse(code(text))[1]
    assert item.children is not None
    assert [each.content for each in item.children] == [text]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orders", "`orders`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("", "(empty)"),
        (" \n", "(empty)"),
        ("a\n  b", "`a b`"),
        ("a\x00\u202eb", "`a\\u0000\\u202eb`"),
        ("\ud800", "`\\ud800`"),
        ("x" * 101, f"`{'x' * 99}…`"),
    ],
)
def test_code_spans(text: str, shown: str) -> None:
    assert code(text) == shown


def test_lists_say_how_many_they_leave_out() -> None:
    assert codes(["a", "b"]) == "`a`, `b`"
    found = codes([str(number) for number in range(1008)])
    assert found == "`0`, `1`, `2`, `3`, `4`, `5` and 1,002 more"
    assert listed([], 0) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop/marts/monthly_revenue", "shop/marts/monthly_revenue"),
        ("größe/東京", "größe/東京"),
        ('a"b', "a#34;b"),
        ("_a_", "#95;a#95;"),
        ("a__b", "a__b"),
        ("</x>", "#60;/x#62;"),
        ("#35;", "#35;35#59;"),
        ("a-b.c", "a#45;b#46;c"),
        ("x" * 61, f"{'x' * 59}#8230;"),
    ],
)
def test_labels(text: str, shown: str) -> None:
    """Tried with mermaid 11.17: the flowchart shows each of these texts."""
    assert label(text) == shown


@given(nasty)
def test_a_label_holds_nothing_but_words_and_entities(text: str) -> None:
    assert re.fullmatch(r"([^\W_]|(?<=[^\W_])_+(?=[^\W_])|[ /]|#\d+;)*", label(text))
