"""Two packages -> what changed between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from dg_sqlmesh_codegen.rendering import header

from .causes import code_change
from .changes import (
    AssetChange,
    AuditChange,
    ColumnChange,
    Edge,
    Note,
    PropertyChange,
    Rename,
    ScheduleChange,
    Side,
    Summary,
)
from .model import Asset, Audit, Definitions, Graph, Key, Package, Property
from .reader import read
from .renames import renames


def summarize(old: Package, new: Package) -> Summary:
    """Compare two generated packages by their text alone.

    Args:
        old: the text of each file, by its path relative to the package's folder. An empty mapping
            is a package that is not there.
        new: the same of the other package.

    Returns:
        What changed. Files that cannot be read are in its notes; whatever they define is left out
        of both sides.
    """
    if old == new:
        return Summary()
    before, after = read(old, new)
    return compare(before, after, _different_files(old, new))


def _different_files(old: Package, new: Package) -> int:
    """Count the generated ones: at a revision, git has whatever else lies in the folder, too."""
    texts = ((old.get(path, ""), new.get(path, "")) for path in {*old, *new})
    return sum(
        _lines(before) != _lines(after)
        for before, after in texts
        if header.is_ours(before) or header.is_ours(after)
    )


def _lines(text: str) -> str:
    # git may have given the file on disk other line endings than the one it keeps
    return text.replace("\r\n", "\n")


def compare(old: Graph, new: Graph, files: int = 0) -> Summary:
    """Compare two graphs; `files` is how many files differ."""
    unread = {each.path for each in chain(old.unread, new.unread)}
    before = {asset.key: asset for asset in old.assets if asset.path not in unread}
    after = {asset.key: asset for asset in new.assets if asset.path not in unread}
    removed = [asset for key, asset in before.items() if key not in after]
    added = [asset for key, asset in after.items() if key not in before]
    renamed = renames(removed, added)
    changes = sorted(
        _asset_changes(before, after, renamed), key=lambda change: (change.new.key, change.old.key)
    )
    edges_before, edges_after = _edges(before.values(), _new_keys(renamed)), _edges(after.values())
    summary = Summary(
        added=_without(added, [rename.new for rename in renamed]),
        removed=_without(removed, [rename.old for rename in renamed]),
        renamed=renamed,
        changed=tuple(change for change in changes if change.differs),
        edges_added=tuple(sorted(edges_after - edges_before)),
        edges_removed=tuple(sorted(edges_before - edges_after)),
        schedules=tuple(_schedules(old.definitions, new.definitions)),
        settings=tuple(_settings(old.definitions, new.definitions)),
        notes=tuple(sorted([*_notes(old, Side.OLD), *_notes(new, Side.NEW)])),
        files=files,
    )
    return _with_neighbours(summary, edges_before & edges_after)


def _without(assets: Iterable[Asset], others: Iterable[Asset]) -> tuple[Asset, ...]:
    keys = {asset.key for asset in others}
    return tuple(asset for asset in assets if asset.key not in keys)


def _new_keys(renamed: Iterable[Rename]) -> dict[Key, Key]:
    return {rename.old.key: rename.new.key for rename in renamed}


def _asset_changes(
    before: Mapping[Key, Asset], after: Mapping[Key, Asset], renamed: Iterable[Rename]
) -> Iterator[AssetChange]:
    pairs = [(before[key], after[key]) for key in before.keys() & after.keys()]
    for old, new in chain(pairs, ((rename.old, rename.new) for rename in renamed)):
        if old is not new:  # a file that is the same in both packages was read once
            yield AssetChange(
                old,
                new,
                code_change(old, new),
                tuple(_columns(old, new)),
                tuple(_audits(old.audits, new.audits)),
                tuple(_properties(_all_properties(old, new), _all_properties(new, old))),
            )


def _all_properties(asset: Asset, other: Asset) -> Sequence[Property]:
    """A renamed model has another name, of course; that a text changed, the code version says."""
    is_external = Property("external table", ("yes" if asset.external else "no",))
    properties = [*asset.properties, is_external]
    if asset.key == other.key:
        properties.append(Property("fqn", (asset.fqn,)))
        if asset.code_version == other.code_version:
            properties.append(Property("sqlmesh/query", (asset.query,) if asset.query else ()))
    return properties


def _properties(old: Iterable[Property], new: Iterable[Property]) -> Iterator[PropertyChange]:
    before = {each.name: each.values for each in old}
    after = {each.name: each.values for each in new}
    for name in sorted({*before, *after}):
        change = PropertyChange(name, before.get(name, ()), after.get(name, ()))
        if change.old != change.new:
            yield change


def _columns(old: Asset, new: Asset) -> Iterator[ColumnChange]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in sorted({*before, *after}):
        change = ColumnChange(before.get(name), after.get(name))
        if change.old != change.new:
            yield change


def _audits(old: Sequence[Audit], new: Sequence[Audit]) -> Iterator[AuditChange]:
    """Pair uses by what identifies them, then by the check they had, then by being the only ones.

    The check's name may change while the use does not: when the audit is used a second time.
    """
    before = list((Counter(old) - Counter(new)).elements())
    after = list((Counter(new) - Counter(old)).elements())
    pairs = [*_taken(before, after, lambda audit: audit.use)]
    pairs += _taken(before, after, lambda audit: audit.check)
    pairs += _taken(before, after, lambda audit: audit.name)
    changes = [AuditChange(*pair) for pair in pairs]
    changes += [AuditChange(audit, None) for audit in before]
    changes += [AuditChange(None, audit) for audit in after]
    yield from sorted(changes, key=_audit_order)


def _audit_order(change: AuditChange) -> tuple[str, str]:
    audit = change.new or change.old
    return (audit.name, audit.check) if audit else ("", "")


def _taken(
    before: list[Audit], after: list[Audit], identity: Callable[[Audit], object]
) -> Iterator[tuple[Audit, Audit]]:
    """Yield, and take out of both lists, the pairs that agree in what no other of them has."""
    left, right = _unique(before, identity), _unique(after, identity)
    for value in left.keys() & right.keys():
        before.remove(left[value])
        after.remove(right[value])
        yield left[value], right[value]


def _unique(audits: Sequence[Audit], identity: Callable[[Audit], object]) -> dict[object, Audit]:
    counts = Counter(identity(audit) for audit in audits)
    return {identity(audit): audit for audit in audits if counts[identity(audit)] == 1}


def _edges(assets: Iterable[Asset], new_keys: Mapping[Key, Key] | None = None) -> set[Edge]:
    keys = new_keys or {}
    return {
        Edge(keys.get(dep, dep), keys.get(asset.key, asset.key))
        for asset in assets
        for dep in asset.deps
    }


def _schedules(old: Definitions | None, new: Definitions | None) -> Iterator[ScheduleChange]:
    if old is None or new is None:
        return
    before = {each.name: each for each in old.schedules}
    after = {each.name: each for each in new.schedules}
    for name in sorted({*before, *after}):
        change = ScheduleChange(before.get(name), after.get(name))
        if change.old != change.new:
            yield change


def _settings(old: Definitions | None, new: Definitions | None) -> Iterator[PropertyChange]:
    if old is not None and new is not None:
        yield from _properties(old.settings, new.settings)


def _notes(graph: Graph, side: Side) -> Iterator[Note]:
    for each in graph.unread:
        yield Note(each.path, side.value, each.reason)


def _with_neighbours(summary: Summary, unchanged: Iterable[Edge]) -> Summary:
    marked = summary.marked
    edges = (edge for edge in unchanged if edge.upstream in marked or edge.downstream in marked)
    return replace(summary, neighbours=tuple(sorted(edges)))
