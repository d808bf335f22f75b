"""Two packages -> what changed between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import PurePosixPath

from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.package_paths import DEFINITIONS
from dg_sqlmesh_codegen.rendering import header

from .causes import code_change
from .model import (
    AssetChange,
    AuditChange,
    Difference,
    Edge,
    Graph,
    Item,
    PackageFiles,
    ParsedAsset,
    ParsedAudit,
    Property,
    PropertyChange,
    Rename,
    Summary,
)
from .reader import read
from .renames import renames


def summarize(old: PackageFiles, new: PackageFiles) -> Summary:
    """Compare two generated packages by their text alone.

    Args:
        old: the text of each file, by its path relative to the package's folder. An empty mapping
            means that there is no package.
        new: the same for the new package.

    Returns:
        What changed. Its notes list the files that cannot be read; nothing of these is compared.
    """
    if old == new:
        return Summary()
    before, after = read(old, new)
    unread = {note.path for note in (*before.unread, *after.unread)}
    return _compare(_without(before, unread), _without(after, unread), _different_files(old, new))


def _without(graph: Graph, unread: Container[PurePosixPath]) -> Graph:
    """Leave out what a file defines that cannot be read in one of the packages."""
    assets = {key: asset for key, asset in graph.assets.items() if asset.path not in unread}
    if DEFINITIONS in unread:
        return Graph(assets, unread=graph.unread)
    return replace(graph, assets=assets)


def _different_files(old: PackageFiles, new: PackageFiles) -> int:
    """Count the generated files: at a revision, the folder may contain others."""
    # Git may check a file out with other line endings than it stores.
    before, after = (
        {path: text.replace("\r\n", "\n") for path, text in side.items() if header.is_ours(text)}
        for side in (old, new)
    )
    return sum(before.get(path) != after.get(path) for path in {*before, *after})


def _compare(old: Graph, new: Graph, files: int) -> Summary:
    before, after = old.assets, new.assets
    removed = [asset for key, asset in before.items() if key not in after]
    added = [asset for key, asset in after.items() if key not in before]
    renamed = renames(removed, added)
    old_keys = {rename.new.key: rename.old.key for rename in renamed}
    new_keys = {rename.old.key: rename.new.key for rename in renamed}
    edges_before, edges_after = _edges(before.values(), new_keys), _edges(after.values(), {})
    summary = Summary(
        added=tuple(asset for asset in added if asset.key not in old_keys),
        removed=tuple(asset for asset in removed if asset.key not in new_keys),
        renamed=renamed,
        changed=tuple(_asset_changes(old, new, renamed)),
        edges_added=tuple(sorted(edges_after - edges_before)),
        edges_removed=tuple(sorted(edges_before - edges_after)),
        schedules=tuple(_by_name(old.schedules, new.schedules)),
        settings=tuple(_properties(old.settings, new.settings)),
        notes=tuple(sorted([*old.unread, *new.unread])),
        files=files,
    )
    marked = summary.marked
    neighbours = sorted(
        edge
        for edge in edges_before & edges_after
        if edge.upstream in marked or edge.downstream in marked
    )
    return replace(summary, neighbours=tuple(neighbours))


def _asset_changes(old: Graph, new: Graph, renamed: Iterable[Rename]) -> Iterator[AssetChange]:
    keys = old.assets.keys() & new.assets.keys()
    pairs = [(old.assets[key], new.assets[key]) for key in keys]
    pairs += [(rename.old, rename.new) for rename in renamed]
    for before, after in sorted(pairs, key=lambda pair: (pair[1].key, pair[0].key)):
        if before is not after:  # the same object if its file is the same in both packages
            code = code_change(before, after)
            columns = tuple(_by_name(before.columns, after.columns))
            audits = tuple(_audits(before.audits, after.audits))
            properties = tuple(
                _properties(_all_properties(before, after), _all_properties(after, before))
            )
            if code or columns or audits or properties:
                yield AssetChange(before, after, code, columns, audits, properties)


def _all_properties(asset: ParsedAsset, other: ParsedAsset) -> Sequence[Property]:
    """Return an asset's properties, and the fields that no rename or code version reports."""
    external = "yes" if asset.external else "no"
    properties = [*asset.properties, Property("external table", (external,))]
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


def _by_name(old: Iterable[Item], new: Iterable[Item]) -> Iterator[Difference[Item]]:
    before = {each.name: each for each in old}
    after = {each.name: each for each in new}
    for name in sorted({*before, *after}):
        change = Difference(before.get(name), after.get(name))
        if change.old != change.new:
            yield change


def _audits(old: Iterable[ParsedAudit], new: Iterable[ParsedAudit]) -> list[AuditChange]:
    """Pair the uses that differ: by audit and arguments, by check, or by audit alone.

    A check's name changes without its use when the model uses the audit a second time.
    """
    before = list((Counter(old) - Counter(new)).elements())
    after = list((Counter(new) - Counter(old)).elements())
    changes = [
        *_paired(before, after, lambda audit: (audit.name, audit.args, audit.standalone)),
        *_paired(before, after, lambda audit: audit.check),
        *_paired(before, after, lambda audit: audit.name),
    ]
    changes += [Difference(audit, None) for audit in before]
    changes += [Difference(None, audit) for audit in after]
    return sorted(changes, key=lambda each: [(a.name, a.check) for a in (each.new, each.old) if a])


def _paired(
    before: list[ParsedAudit], after: list[ParsedAudit], identity: Callable[[ParsedAudit], object]
) -> Iterator[AuditChange]:
    """Take the pairs with the same identity out of both lists, if it is unique in both."""
    olds, news = Counter(map(identity, before)), Counter(map(identity, after))
    for old, new in product([*before], [*after]):
        if identity(old) == identity(new) and olds[identity(old)] == news[identity(new)] == 1:
            before.remove(old)
            after.remove(new)
            yield Difference(old, new)


def _edges(assets: Iterable[ParsedAsset], new_keys: Mapping[AssetKey, AssetKey]) -> set[Edge]:
    return {
        Edge(new_keys.get(dep, dep), new_keys.get(asset.key, asset.key))
        for asset in assets
        for dep in asset.deps
    }
