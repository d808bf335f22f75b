"""Find removed and added assets that are the same model under another name.

Dagster stores an asset's history under its key, so a reviewer should know that a rename starts a
new one. Only clear cases count: one removed asset and one added asset, and no other, have the same
SQLMesh model, the same query or code, or the same name in another schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

from .model import ParsedAsset, Rename, RenameReason

_Rule = Callable[[ParsedAsset], Hashable]

# From the strongest evidence to the weakest. Without a query, the code version covers all code or
# data of a model.
_RULES: tuple[tuple[RenameReason, _Rule], ...] = (
    (RenameReason.SAME_MODEL, lambda asset: asset.fqn or None),
    (RenameReason.SAME_QUERY, lambda asset: asset.query),
    (RenameReason.SAME_CODE, lambda asset: None if asset.query else asset.code_version),
    (RenameReason.SAME_NAME, lambda asset: (asset.key[-1], asset.external)),
)


def take_renames(removed: list[ParsedAsset], added: list[ParsedAsset]) -> tuple[Rename, ...]:
    """Take the pairs of a removed and an added asset out of both lists, sorted by the old key.

    Swapping the arguments swaps the pairs.
    """
    found = []
    for reason, rule in _RULES:
        old, new = _unique(removed, rule), _unique(added, rule)
        pairs = [(old[value], new[value]) for value in old if value in new]
        found += [Rename(*pair, reason) for pair in pairs]
        for side, index in ((removed, 0), (added, 1)):
            taken = {pair[index].key for pair in pairs}
            side[:] = [asset for asset in side if asset.key not in taken]
    return tuple(sorted(found, key=lambda rename: rename.old.key))


def _unique(assets: list[ParsedAsset], rule: _Rule) -> dict[Hashable, ParsedAsset]:
    """Return the assets that no other asset equals by that rule; None equals nothing."""
    numbers = Counter(map(rule, assets))
    return {rule(asset): asset for asset in assets if numbers[rule(asset)] == 1 and rule(asset)}
