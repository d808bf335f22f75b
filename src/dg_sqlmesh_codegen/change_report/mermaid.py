"""A summary -> a mermaid flowchart of the changed assets and their direct neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dg_sqlmesh_codegen.dagster_names import AssetKey

from .escape import label
from .model import Summary
from .phrases import count, user_string

# A larger flowchart is hard to read; GitHub draws at most 500 edges.
_MAX_NODES = 40
_MAX_EDGES = 120

_STYLES = {
    "added": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "removed": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4",
    "changed": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "renamed": "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
}


def flowchart(summary: Summary) -> Iterator[str]:
    """Yield the lines of a Markdown block with the flowchart; none if there is nothing to draw.

    Up to a limit, it draws the changed assets first, then their neighbours.
    """
    styles = _styles(summary)
    if not styles:
        return
    edges = [*summary.edges_added, *summary.edges_removed, *summary.neighbours]
    ends = {key for edge in edges for key in (edge.upstream, edge.downstream)}
    wanted = [*styles, *sorted(ends - styles.keys())]
    names = {key: f"n{number}" for number, key in enumerate(wanted[:_MAX_NODES])}
    used = {styles.get(key) for key in names}
    yield from ("", "```mermaid", "flowchart LR")
    yield from _nodes(summary, names, styles)
    yield from _edges(summary, names)
    yield from (f"    classDef {style} {css}" for style, css in _STYLES.items() if style in used)
    yield "```"
    if len(wanted) > len(names):
        missing = count(len(wanted) - len(names), "asset")
        yield from ("", f"The flowchart leaves out {missing}.")


def _styles(summary: Summary) -> dict[AssetKey, str]:
    """Return the style of each changed asset, the most important assets first."""
    styles = {asset.key: "added" for asset in summary.added}
    styles |= {asset.key: "removed" for asset in summary.removed}
    styles |= {rename.new.key: "renamed" for rename in summary.renamed}
    return styles | dict.fromkeys(sorted(summary.marked - styles.keys()), "changed")


def _nodes(
    summary: Summary, names: Mapping[AssetKey, str], styles: Mapping[AssetKey, str]
) -> Iterator[str]:
    old_keys = {rename.new.key: rename.old.key for rename in summary.renamed}
    for key, name in names.items():
        text, style = label(user_string(key)), styles.get(key)
        if key in old_keys:
            text = f"{label(user_string(old_keys[key]))}<br/>renamed to<br/>{text}"
        elif style:
            text += f"<br/>{style}"
        yield f'    {name}["{text}"]' + (f":::{style}" if style else "")


def _edges(summary: Summary, names: Mapping[AssetKey, str]) -> Iterator[str]:
    arrows = (
        *((edge, "==>|added|") for edge in summary.edges_added),
        *((edge, "-.->|removed|") for edge in summary.edges_removed),
        *((edge, "-->") for edge in summary.neighbours),
    )
    drawn = [each for each in arrows if {each[0].upstream, each[0].downstream} <= names.keys()]
    for edge, arrow in drawn[:_MAX_EDGES]:
        yield f"    {names[edge.upstream]} {arrow} {names[edge.downstream]}"
