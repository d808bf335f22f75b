"""A summary -> Markdown for the comment on a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from . import phrases
from .changes import Cause, Summary
from .escape import code, listed
from .mermaid import picture
from .model import Key

# GitHub takes 65,536 characters for a comment; the rest is for what others put around this one.
# Counted in bytes: whoever counts characters finds fewer.
MAX_BYTES = 60_000
# How many lines a section may have, tried one after the other until the whole is short enough.
_LIMITS = (60, 25, 10, 4, 1)
_MAX_ASSETS_IN_A_LINE = 4
_MAX_PARTS = 8

_TITLE = "### The asset graph"


def markdown(summary: Summary) -> str:
    """Return the summary as Markdown, never longer than `MAX_BYTES`.

    Sections come in the order of what a reviewer has to know first; one that would be too long ends
    with a line that says how much more there is. A mermaid graph closes it.
    """
    if summary.is_empty:
        notes = _notes(summary).lines(_LIMITS[0])
        return "\n".join([_TITLE, "", *_nothing(summary), *notes, ""])
    sections = [*_sections(summary)]
    head, tail = [_TITLE, "", f"{_headline(summary)}."], [*_picture(summary)]
    texts = (
        "\n".join([*head, *(line for each in sections for line in each.lines(limit)), *tail, ""])
        for limit in _LIMITS
    )
    return next(text for text in texts if len(text.encode()) <= MAX_BYTES)


def _nothing(summary: Summary) -> Iterator[str]:
    read = " as far as it could be read" if summary.notes else ""
    yield f"Nothing changed in the graph{read}."
    if summary.files and not summary.notes:
        yield (
            f"{_count(summary.files, 'file')} differ in layout or comments only."
            if summary.files > 1
            else "1 file differs in layout or comments only."
        )


def _headline(summary: Summary) -> str:
    causes = [each.code.cause for each in summary.changed if each.code]
    columns = sum(len(each.schema) for each in summary.changed)
    audits = sum(len(each.audits) for each in summary.changed)
    metadata = sum(bool(phrases.metadata(each)) for each in summary.changed)
    counts = (
        (len(summary.added), "asset", "added"),
        (len(summary.removed), "asset", "removed"),
        (len(summary.renamed), "asset", "renamed"),
        (len(summary.edges_added), "edge", "added"),
        (len(summary.edges_removed), "edge", "removed"),
        *((sum(map(found, causes)), "model", f"changed {how}") for how, found in _CODE_SECTIONS),
        (columns, "column", "changed"),
        (audits, "audit", "changed"),
        (len(summary.schedules), "schedule", "changed"),
        (metadata, "asset", "with other metadata"),
        (len(summary.settings), "setting", "changed"),
    )
    return ", ".join(f"{_count(count, noun)} {verb}" for count, noun, verb in counts if count)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    items: list[str]

    def lines(self, limit: int) -> Iterator[str]:
        if not self.items:
            return
        yield from ("", f"**{self.title}**", "")
        yield from (f"- {item}" for item in self.items[:limit])
        if len(self.items) > limit:
            yield f"- … and {len(self.items) - limit:,} more"


def _sections(summary: Summary) -> Iterator[_Section]:
    yield _Section("Added", [phrases.asset(each) for each in summary.added])
    yield _Section("Removed", [phrases.asset(each) for each in summary.removed])
    yield _Section(
        "Renamed: Dagster starts a new history under the new key",
        [phrases.rename(each) for each in summary.renamed],
    )
    yield _Section("Edges", list(_edges(summary)))
    yield from _code_sections(summary)
    schema = ((each.new.key, map(phrases.column, each.schema)) for each in summary.changed)
    yield _Section("Columns", _grouped(schema))
    audits = ((each.new.key, map(phrases.audit, each.audits)) for each in summary.changed)
    yield _Section("Audits", _grouped(audits))
    yield _Section("Schedules", [phrases.schedule(each) for each in summary.schedules])
    others = ((each.new.key, phrases.metadata(each)) for each in summary.changed)
    yield _Section("Other metadata", _grouped(others))
    yield _Section("Settings", [phrases.property_change(each) for each in summary.settings])
    yield _notes(summary)


_CODE_SECTIONS: tuple[tuple[str, Callable[[Cause], bool]], ...] = (
    ("directly", lambda cause: cause.directly),
    ("through a macro or a variable", lambda cause: cause is Cause.MACRO),
    ("by something that the package does not show", lambda cause: cause is Cause.UNSEEN),
)


def _edges(summary: Summary) -> Iterator[str]:
    """Edges of assets that are in both packages; what an added one reads was said with it."""
    said = {asset.key for asset in (*summary.added, *summary.removed)}
    for edges, verb in (
        (summary.edges_added, "now reads"),
        (summary.edges_removed, "no longer reads"),
    ):
        for each in edges:
            if each.downstream not in said:
                yield (f"{phrases.key(each.downstream)} {verb} {phrases.key(each.upstream)}")


def _code_sections(summary: Summary) -> Iterator[_Section]:
    for title, found in _CODE_SECTIONS:
        causes = [
            (each.new.key, [phrases.cause(each.code)])
            for each in summary.changed
            if each.code and found(each.code.cause)
        ]
        yield _Section(f"Code version changed {title}", _grouped(causes))


def _grouped(changes: Iterable[tuple[Key, Iterable[str]]]) -> list[str]:
    """Return a line per asset; assets of which the same is to be said share one."""
    keys: dict[str, list[str]] = {}
    for key, sentence_parts in changes:
        parts = list(sentence_parts)
        if parts:
            text = "; ".join(parts[:_MAX_PARTS])
            if len(parts) > _MAX_PARTS:
                text += f"; and {len(parts) - _MAX_PARTS:,} more"
            keys.setdefault(text, []).append(phrases.key(key))
    return [
        f"{listed(names[:_MAX_ASSETS_IN_A_LINE], len(names))}: {text}"
        for text, names in keys.items()
    ]


def _notes(summary: Summary) -> _Section:
    notes = [f"{code(str(note.path))} ({note.side}): {note.reason}" for note in summary.notes]
    return _Section("Not compared", notes)


def _picture(summary: Summary) -> Iterator[str]:
    drawn = picture(summary)
    if drawn.lines:
        yield from ("", "```mermaid", *drawn.lines, "```")
    if drawn.left_out:
        yield from ("", f"{_count(drawn.left_out, 'asset')} more would not fit into the picture.")
