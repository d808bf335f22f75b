"""A summary -> Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dg_sqlmesh_codegen.dagster_names import AssetKey

from . import phrases
from .escape import code, listed
from .mermaid import flowchart
from .model import Cause, Summary

# GitHub accepts 65,536 characters in a comment; the rest is for text that others add. A text of
# this many bytes has fewer characters.
MAX_BYTES = 60_000
# The lines of each section: the first of these limits that makes the text short enough counts.
_LIMITS = (60, 25, 10, 4, 1)
_MAX_ASSETS_IN_A_LINE = 4
_MAX_PHRASES = 8


def markdown(summary: Summary) -> str:
    """Return the summary as Markdown of at most `MAX_BYTES`.

    Sections come in the order of their importance to a reviewer. A section that is too long ends
    with the number of lines that are missing. A mermaid flowchart follows the last section.
    """
    graph = "the part of the graph that could be read" if summary.notes else "the graph"
    head = f"Nothing changed in {graph}." if summary.is_empty else _headline(summary)
    sections, drawn = [*_sections(summary)], [*flowchart(summary)]
    for limit in _LIMITS:
        lines = ["### Changes to the asset graph", "", head, *_lines(sections, limit), *drawn, ""]
        text = "\n".join(lines)
        if len(text.encode()) <= MAX_BYTES:
            break
    return text


def _lines(sections: Iterable[tuple[str, list[str]]], limit: int) -> Iterator[str]:
    for title, items in sections:
        if items:
            yield from ("", f"**{title}**", "")
            yield from (f"- {item}" for item in items[:limit])
        if len(items) > limit:
            yield f"- … and {len(items) - limit:,} more"


def _code_sections(summary: Summary) -> tuple[tuple[str, Callable[[Cause], bool]], ...]:
    return (
        ("directly", lambda cause: cause.directly),
        ("through a macro or a variable", lambda cause: cause is Cause.MACRO),
        ("by something that the package does not show", lambda cause: cause is Cause.UNSEEN),
        (phrases.upgrade(summary), lambda cause: cause is Cause.UPGRADE),
    )


def _headline(summary: Summary) -> str:
    changed = summary.changed
    causes = [each.code.cause for each in changed if each.code]
    counts = (
        (len(summary.added), "asset", "added"),
        (len(summary.removed), "asset", "removed"),
        (len(summary.renamed), "asset", "renamed"),
        (len(summary.edges_added), "edge", "added"),
        (len(summary.edges_removed), "edge", "removed"),
        *(
            (sum(map(found, causes)), "model", f"changed {how}")
            for how, found in _code_sections(summary)
        ),
        (sum(len(each.columns) for each in changed), "column", "changed"),
        (sum(len(each.audits) for each in changed), "audit", "changed"),
        (len(summary.schedules), "schedule", "changed"),
        (sum(bool(phrases.metadata(each)) for each in changed), "asset", "with changed metadata"),
        (len(summary.settings), "setting", "changed"),
    )
    parts = [f"{phrases.count(count, noun)} {verb}" for count, noun, verb in counts if count]
    return f"{', '.join(parts)}."


def _sections(summary: Summary) -> Iterator[tuple[str, list[str]]]:
    changed = [(each.new.key, each) for each in summary.changed]
    yield "Added", [phrases.asset(each) for each in summary.added]
    yield "Removed", [phrases.asset(each) for each in summary.removed]
    yield (
        "Renamed: Dagster starts a new history under the new key",
        [phrases.rename(each) for each in summary.renamed],
    )
    yield "Edges", [*_edges(summary)]
    for how, found in _code_sections(summary):
        codes = ((key, each.code) for key, each in changed)
        causes = ((key, [phrases.cause(each)]) for key, each in codes if each and found(each.cause))
        yield f"Code version changed {how}", _by_asset(causes)
    yield "Columns", _by_asset((key, map(phrases.item, each.columns)) for key, each in changed)
    yield "Audits", _by_asset((key, map(phrases.item, each.audits)) for key, each in changed)
    yield "Schedules", [phrases.item(each, None) for each in summary.schedules]
    yield "Other metadata", _by_asset((key, phrases.metadata(each)) for key, each in changed)
    yield "Settings", [phrases.property_change(each) for each in summary.settings]
    notes = [f"{code(str(note.path))} ({note.side}): {note.reason}" for note in summary.notes]
    yield "Not compared", notes


def _edges(summary: Summary) -> Iterator[str]:
    """Describe the edges of assets in both packages; "Added" shows what an added asset reads."""
    described = {asset.key for asset in (*summary.added, *summary.removed)}
    edges = [(each, "now reads") for each in summary.edges_added]
    edges += [(each, "no longer reads") for each in summary.edges_removed]
    for each, verb in edges:
        if each.downstream not in described:
            yield f"{phrases.key(each.downstream)} {verb} {phrases.key(each.upstream)}"


def _by_asset(changes: Iterable[tuple[AssetKey, Iterable[str]]]) -> list[str]:
    """Return a line per asset; assets with the same phrases share one."""
    keys: dict[str, list[str]] = {}
    for key, all_phrases in changes:
        found = list(all_phrases)
        if found:
            text = "; ".join(found[:_MAX_PHRASES])
            if len(found) > _MAX_PHRASES:
                text += f"; and {len(found) - _MAX_PHRASES:,} more"
            keys.setdefault(text, []).append(phrases.key(key))
    return [
        f"{listed(names[:_MAX_ASSETS_IN_A_LINE], len(names))}: {text}"
        for text, names in keys.items()
    ]
