"""A summary -> a mermaid flowchart of the assets that changed, among their direct neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from .changes import Edge, Summary
from .escape import label
from .model import Key, user_string

# A picture with more is no picture; GitHub draws 500 edges at most.
_MAX_NODES = 40
_MAX_EDGES = 120

_STYLES = (
    ("added", "fill:#dafbe1,stroke:#1a7f37,color:#1f2328"),
    ("removed", "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4"),
    ("changed", "fill:#fff8c5,stroke:#9a6700,color:#1f2328"),
    ("renamed", "fill:#ddf4ff,stroke:#0969da,color:#1f2328"),
)
_ARROWS = {"added": "==>|new|", "removed": "-.->|gone|", "": "-->"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A mermaid graph in lines, and how many changed assets and neighbours it leaves out."""

    lines: tuple[str, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Node:
    style: str
    text: str


def picture(summary: Summary) -> Picture:
    """Draw the changed assets, all of them if they are few; nothing where none is to be drawn."""
    marked = _marked(summary)
    if not marked:
        return Picture((), 0)
    edges = _arrows(summary)
    around = {key for edge in edges for key in (edge.upstream, edge.downstream)} - marked.keys()
    wanted = [*marked, *sorted(around)]
    drawn = {key: f"n{number}" for number, key in enumerate(wanted[:_MAX_NODES])}
    lines = chain(
        ["flowchart LR"],
        (f"    {_node(name, key, marked)}" for key, name in drawn.items()),
        (f"    {line}" for line in _lines(edges, drawn)),
        (f"    classDef {style} {css}" for style, css in _STYLES if _used(style, drawn, marked)),
    )
    return Picture(tuple(lines), len(wanted) - len(drawn))


def _marked(summary: Summary) -> dict[Key, _Node]:
    """Return what is drawn first, in the order in which it may matter."""
    nodes: dict[Key, _Node] = {}
    for asset in summary.added:
        nodes[asset.key] = _Node("added", f"{_label(asset.key)}<br/>added")
    for asset in summary.removed:
        nodes[asset.key] = _Node("removed", f"{_label(asset.key)}<br/>removed")
    for rename in summary.renamed:
        text = f"{_label(rename.old.key)}<br/>renamed to<br/>{_label(rename.new.key)}"
        nodes[rename.new.key] = _Node("renamed", text)
    for key in sorted(summary.marked - nodes.keys()):
        nodes[key] = _Node("changed", f"{_label(key)}<br/>changed")
    return nodes


def _label(key: Key) -> str:
    return label(user_string(key))


def _node(name: str, key: Key, marked: Mapping[Key, _Node]) -> str:
    node = marked.get(key)
    return f'{name}["{node.text}"]:::{node.style}' if node else f'{name}["{_label(key)}"]'


def _used(style: str, drawn: Iterable[Key], marked: Mapping[Key, _Node]) -> bool:
    return any(key in marked and marked[key].style == style for key in drawn)


def _arrows(summary: Summary) -> dict[Edge, str]:
    return (
        dict.fromkeys(summary.edges_added, "added")
        | dict.fromkeys(summary.edges_removed, "removed")
        | dict.fromkeys(summary.neighbours, "")
    )


def _lines(edges: Mapping[Edge, str], drawn: Mapping[Key, str]) -> Iterator[str]:
    both = [edge for edge in edges if edge.upstream in drawn and edge.downstream in drawn]
    for edge in both[:_MAX_EDGES]:
        yield f"{drawn[edge.upstream]} {_ARROWS[edges[edge]]} {drawn[edge.downstream]}"
