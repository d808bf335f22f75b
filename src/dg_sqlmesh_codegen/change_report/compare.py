"""Two packages -> what changed between them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.package_paths import AUDITS, DEFINITIONS

from . import model
from .causes import code_change
from .reader import read
from .renames import take_renames


def summarize(old: model.PackageFiles, new: model.PackageFiles) -> model.Summary:
    """Compare two generated packages by their text alone.

    Args:
        old: the text of each file, by its path relative to the package's folder. An empty mapping
            means that there is no package.
        new: the same for the new package.

    Returns:
        What changed. Its notes list the files that cannot be read; nothing of these is compared.
    """
    if old == new:
        return model.Summary()
    before, after = read(old, new)
    unread = {note.path for note in (*before.unread, *after.unread)}
    return _compare(_without(before, unread), _without(after, unread))


def _without(graph: model.Graph, unread: Container[PurePosixPath]) -> model.Graph:
    """Leave out what a file defines that cannot be read in one of the packages."""
    assets = {key: asset for key, asset in graph.assets.items() if asset.path not in unread}
    if AUDITS in unread:
        assets = {key: replace(asset, audits={}) for key, asset in assets.items()}
    if DEFINITIONS in unread:
        return model.Graph(assets, unread=graph.unread)
    return replace(graph, assets=assets)


def _compare(old: model.Graph, new: model.Graph) -> model.Summary:
    before, after = old.assets, new.assets
    removed = [asset for key, asset in before.items() if key not in after]
    added = [asset for key, asset in after.items() if key not in before]
    renamed = take_renames(removed, added)
    new_keys = {rename.old.key: rename.new.key for rename in renamed}
    edges_before, edges_after = _edges(before.values(), new_keys), _edges(after.values(), {})
    summary = model.Summary(
        added=tuple(added),
        removed=tuple(removed),
        renamed=renamed,
        changed=tuple(_asset_changes(old, new, renamed)),
        edges_added=tuple(sorted(edges_after - edges_before)),
        edges_removed=tuple(sorted(edges_before - edges_after)),
        schedules=_changes(old.schedules, new.schedules),
        settings=_changes(old.settings, new.settings),
        notes=tuple(sorted([*old.unread, *new.unread])),
    )
    marked = summary.marked
    neighbours = sorted(
        edge
        for edge in edges_before & edges_after
        if edge.upstream in marked or edge.downstream in marked
    )
    return replace(summary, neighbours=tuple(neighbours))


def _asset_changes(
    old: model.Graph, new: model.Graph, renamed: Iterable[model.Rename]
) -> Iterator[model.AssetChange]:
    keys = old.assets.keys() & new.assets.keys()
    pairs = [(old.assets[key], new.assets[key]) for key in keys]
    pairs += [(rename.old, rename.new) for rename in renamed]
    versions = [each.settings.get("sqlmesh/version", ()) for each in (old, new)]
    upgrade = (*versions[0], *versions[1]) if all(versions) and len({*versions}) > 1 else ()
    for before, after in sorted(pairs, key=lambda pair: (pair[1].key, pair[0].key)):
        if before is not after:  # the same object if its file is the same in both packages
            change = model.AssetChange(
                before,
                after,
                code_change(before, after, upgrade),
                _changes(before.columns, after.columns),
                _changes(before.audits, after.audits),
                _changes(_all_properties(before, after), _all_properties(after, before)),
            )
            if change != model.AssetChange(before, after):
                yield change


def _all_properties(asset: model.ParsedAsset, other: model.ParsedAsset) -> model.Properties:
    """Return an asset's properties, and the fields that no rename or code version reports."""
    properties = {**asset.properties, "external table": ("yes" if asset.external else "no",)}
    if asset.key == other.key:
        properties["fqn"] = (asset.fqn,)
        if asset.query and asset.code_version == other.code_version:
            properties["sqlmesh/query"] = (asset.query,)
    return properties


def _changes(old: model.Properties, new: model.Properties) -> tuple[model.Change, ...]:
    changes = (model.Change(n, old.get(n, ()), new.get(n, ())) for n in sorted({*old, *new}))
    return tuple(change for change in changes if change.old != change.new)


def _edges(
    assets: Iterable[model.ParsedAsset], new_keys: Mapping[AssetKey, AssetKey]
) -> set[model.Edge]:
    return {
        model.Edge(new_keys.get(dep, dep), new_keys.get(asset.key, asset.key))
        for asset in assets
        for dep in asset.deps
    }
