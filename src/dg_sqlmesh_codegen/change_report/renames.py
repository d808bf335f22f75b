"""Find removed and added assets that are the same model under another name.

Dagster stores an asset's history under its key, so a reviewer should know that a rename starts a
new one. Only clear cases count: the same SQLMesh model, the same code, the same query, or the same
name in another schema.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import product

from .model import ParsedAsset, Rename, RenameReason

_Rule = Callable[[ParsedAsset], Hashable]

# From the strongest evidence to the weakest. Two assets match if a rule returns the same value for
# both; None matches nothing. Without a query, the code version covers all code or data of a model.
_RULES: tuple[tuple[RenameReason, _Rule], ...] = (
    (RenameReason.SAME_MODEL, lambda asset: asset.fqn or None),
    (RenameReason.SAME_QUERY, lambda asset: asset.query),
    (RenameReason.SAME_CODE, lambda asset: None if asset.query else asset.code_version),
    (RenameReason.SAME_NAME, lambda asset: (asset.key[-1], asset.external)),
)
# A value that more assets share is no evidence.
_MAX_GROUP = 50


def renames(removed: Sequence[ParsedAsset], added: Sequence[ParsedAsset]) -> tuple[Rename, ...]:
    """Pair removed assets with added ones.

    Args:
        removed: assets of the old package only.
        added: assets of the new package only.

    Returns:
        The pairs, sorted by the old key; an asset is in at most one. If a rule allows several
        pairs, the same name wins, then the most other similarities. Swapping the arguments swaps
        the pairs.
    """
    found: list[Rename] = []
    old = {asset.key: asset for asset in removed}
    new = {asset.key: asset for asset in added}
    for reason, rule in _RULES:
        left, right = _grouped(old.values(), rule), _grouped(new.values(), rule)
        pairs = [
            pair
            for value in left.keys() & right.keys()
            for pair in product(left[value], right[value])
        ]
        for one, other in sorted(pairs, key=_best_first):
            if one.key in old and other.key in new:
                del old[one.key], new[other.key]
                found.append(Rename(one, other, reason))
    return tuple(sorted(found, key=lambda rename: rename.old.key))


def _grouped(assets: Iterable[ParsedAsset], rule: _Rule) -> dict[Hashable, list[ParsedAsset]]:
    groups: dict[Hashable, list[ParsedAsset]] = defaultdict(list)
    for asset in assets:
        value = rule(asset)
        if value is not None:
            groups[value].append(asset)
    return {value: group for value, group in groups.items() if len(group) <= _MAX_GROUP}


def _best_first(pair: tuple[ParsedAsset, ParsedAsset]) -> tuple[object, ...]:
    one, other = pair
    same = (
        one.query == other.query,
        one.code_version == other.code_version,
        one.value("sqlmesh/source") == other.value("sqlmesh/source"),
        one.deps == other.deps,
        one.columns == other.columns,
        one.key[:-1] == other.key[:-1],
    )
    # Then by keys, the smaller one first: so the result is the same in both directions.
    return (one.key[-1] != other.key[-1], -sum(same), *sorted((one.key, other.key)))
