"""The flowchart: which assets it draws, with which style, and its limits."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from builders import fqn, model
from dg_sqlmesh_codegen.change_report import summarize
from dg_sqlmesh_codegen.change_report.mermaid import flowchart
from dg_sqlmesh_codegen.change_report.model import Edge, ParsedAsset, Summary
from packages import package

A = model("s.a.a", query="SELECT 1", data_hash="1")
B = model("s.a.b", query="SELECT 2", data_hash="2", depends_on=(A.fqn, fqn("s.x.outside")))
C = model("s.a.c", query="SELECT 3", data_hash="3", depends_on=(B.fqn,))
D = model("s.a.d", query="SELECT 4", data_hash="4", depends_on=(C.fqn,))
E = model("s.a.e", query="SELECT 5", data_hash="5", depends_on=(C.fqn,))
F = replace(model("s.a.f", query="SELECT 2"), depends_on=B.depends_on)

NODE = re.compile(r'    n\d+\["(?:[^"]+)"\](?::::[a-z]+)?')
ARROW = re.compile(r"    n\d+ (?:-->|==>\|added\||-\.->\|removed\|) n\d+")
STYLE = re.compile(r"    classDef [a-z]+ [a-z:#0-9,-]+")


def test_changed_assets_and_their_direct_neighbours() -> None:
    changed = replace(C, query="SELECT 33", data_hash="33")
    summary = summarize(package(A, B, C, D), package(A, B, changed, E))
    assert [*flowchart(summary)] == [
        "",
        "```mermaid",
        "flowchart LR",
        '    n0["s/a/e<br/>added"]:::added',
        '    n1["s/a/d<br/>removed"]:::removed',
        '    n2["s/a/c<br/>changed"]:::changed',
        '    n3["s/a/b"]',
        "    n2 ==>|added| n0",
        "    n2 -.->|removed| n1",
        "    n3 --> n2",
        "    classDef added fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
        "    classDef removed fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4",
        "    classDef changed fill:#fff8c5,stroke:#9a6700,color:#1f2328",
        "```",
    ]


def test_a_renamed_asset_is_drawn_once() -> None:
    below = replace(C, depends_on=(F.fqn,))
    drawn = [*flowchart(summarize(package(A, B, C), package(A, F, below)))]
    assert drawn[3] == '    n0["s/a/b<br/>renamed to<br/>s/a/f"]:::renamed'
    assert [line for line in drawn if ARROW.fullmatch(line)] == [
        "    n1 --> n0",
        "    n0 --> n2",
        "    n3 --> n0",
    ]


def test_there_is_no_flowchart_of_an_unchanged_graph() -> None:
    summary = summarize(package(A, B), package(A, replace(B, description="other")))
    assert not summary.is_empty
    assert not [*flowchart(summary)]


def test_a_giant_change_is_drawn_in_part() -> None:
    assets = tuple(
        ParsedAsset(("s", f"m{number:04}"), "", PurePosixPath(f"models/{number}.py"))
        for number in range(500)
    )
    edges = tuple(Edge(("s", f"m{number:04}"), ("s", "m0000")) for number in range(1, 500))
    drawn = [*flowchart(Summary(added=assets, edges_added=edges))]
    assert drawn[-1] == "The flowchart leaves out 460 assets."
    assert len([line for line in drawn if NODE.fullmatch(line)]) == 40
    assert len([line for line in drawn if ARROW.fullmatch(line)]) == 39


def test_every_line_is_of_a_known_shape() -> None:
    """Mermaid's parser accepted these lines; a name cannot add another kind."""
    names = ['a"]:::x', "end", "%%{init}%%", "a\nb", "```", "style x:#1;", "x --> y", "\ud800"]
    assets = tuple(ParsedAsset((name, "x"), "", PurePosixPath("models/x.py")) for name in names)
    edges = tuple(Edge((name, "y"), (name, "x")) for name in names)
    drawn = [*flowchart(Summary(added=assets, edges_added=edges))]
    assert (drawn[:3], drawn[-1]) == (["", "```mermaid", "flowchart LR"], "```")
    lines = drawn[3:-1]
    assert len(lines) == 3 * len(names) + 1
    for line in lines:
        assert NODE.fullmatch(line) or ARROW.fullmatch(line) or STYLE.fullmatch(line), line
