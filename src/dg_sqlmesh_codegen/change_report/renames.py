"""Removed and added assets that are one model under another name.

Dagster keeps an asset's history under its key, so a rename is a loss that a reviewer should know
of. Only what is sure enough to be said is: the same SQLMesh model, the same code, the same query,
or the same name elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import product

from .changes import Rename, RenameReason
from .model import Asset

_Rule = Callable[[Asset], Hashable]


def _code(asset: Asset) -> Hashable:
    """A Python model's or a seed's code version: it stands for all its code, or all its data."""
    return None if asset.query else asset.code_version


# In the order of how much they prove. What a rule returns has to be equal on both sides; None
# matches nothing.
_RULES: tuple[tuple[RenameReason, _Rule], ...] = (
    (RenameReason.SAME_MODEL, lambda asset: asset.fqn or None),
    (RenameReason.SAME_QUERY, lambda asset: asset.query),
    (RenameReason.SAME_CODE, _code),
    (RenameReason.SAME_NAME, lambda asset: (asset.key[-1], asset.external)),
)


# What more removed or added assets than this have in common tells none of them from another.
_MOST = 50


def renames(removed: Sequence[Asset], added: Sequence[Asset]) -> tuple[Rename, ...]:
    """Pair removed assets with added ones.

    Args:
        removed: assets that are in the old package only.
        added: assets that are in the new package only.

    Returns:
        The pairs, sorted by the old key; an asset is in one at most. Where several could be meant,
        those are paired that agree in most other respects. Swapping the arguments swaps the pairs.
    """
    found: list[Rename] = []
    old = {asset.key: asset for asset in removed}
    new = {asset.key: asset for asset in added}
    for reason, rule in _RULES:
        for rule_and_name in (True, False):
            pairs = _candidates(old.values(), new.values(), rule, rule_and_name)
            for left, right in _best_first(pairs):
                if left.key in old and right.key in new:
                    del old[left.key], new[right.key]
                    found.append(Rename(left, right, reason))
    return tuple(sorted(found, key=lambda rename: rename.old.key))


def _candidates(
    old: Iterable[Asset], new: Iterable[Asset], rule: _Rule, and_name: bool
) -> Iterator[tuple[Asset, Asset]]:
    """Yield the pairs that a rule connects; with `and_name`, those of one name only."""
    left, right = _grouped(old, rule, and_name), _grouped(new, rule, and_name)
    for value in left.keys() & right.keys():
        if max(len(left[value]), len(right[value])) <= _MOST:
            yield from product(left[value], right[value])


def _grouped(assets: Iterable[Asset], rule: _Rule, and_name: bool) -> dict[Hashable, list[Asset]]:
    groups: dict[Hashable, list[Asset]] = defaultdict(list)
    for asset in assets:
        value = rule(asset)
        if value is not None:
            groups[value, asset.key[-1] if and_name else None].append(asset)
    return groups


def _best_first(pairs: Iterable[tuple[Asset, Asset]]) -> list[tuple[Asset, Asset]]:
    # By keys last, and the smaller one first: so it does not matter which package is the old one.
    return sorted(pairs, key=lambda pair: (-_likeness(*pair), *sorted(each.key for each in pair)))


def _likeness(one: Asset, other: Asset) -> int:
    same = (
        one.query == other.query,
        one.code_version == other.code_version,
        one.source == other.source,
        one.deps == other.deps,
        one.columns == other.columns,
        one.key[:-1] == other.key[:-1],
    )
    return sum(same)
