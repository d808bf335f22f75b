"""The limits of the flowchart; `test_golden.py` compares a whole one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from builders import model
from dg_sqlmesh_codegen.change_report import summarize
from dg_sqlmesh_codegen.change_report.mermaid import flowchart
from dg_sqlmesh_codegen.change_report.model import Edge, ParsedAsset, Summary
from packages import package

A = model("s.a.a", query="SELECT 1", data_hash="1")
B = model("s.a.b", query="SELECT 2", data_hash="2", depends_on=(A.fqn,))

NODE = re.compile(r'    n\d+\["(?:[^"]+)"\](?::::[a-z]+)?')
ARROW = re.compile(r"    n\d+ (?:-->|==>\|added\||-\.->\|removed\|) n\d+")
STYLE = re.compile(r"    classDef [a-z]+ [a-z:#0-9,-]+")


def test_there_is_no_flowchart_of_an_unchanged_graph() -> None:
    summary = summarize(package(A, B), package(A, replace(B, description="other")))
    assert not summary.is_empty
    assert not [*flowchart(summary)]


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
