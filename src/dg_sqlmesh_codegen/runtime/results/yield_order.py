"""Which results Dagster still accepts from an op.

Dagster refuses a materialization that is yielded after one of its children, by the edges of the
package. SQLMesh follows the promoted edges, and can evaluate an upstream model later if it restarts
the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import dagster as dg

from dg_sqlmesh_codegen.runtime.records import ModelAsset


class YieldOrder:
    """What a step has yielded, and what it may yield next."""

    def __init__(self, models: Sequence[ModelAsset], selected: Collection[dg.AssetKey]) -> None:
        """Take every model of the package, and the assets of the step."""
        self._selected = selected
        self._children: dict[dg.AssetKey, set[dg.AssetKey]] = defaultdict(set)
        for model in models:
            for dep in model.spec.deps:
                if dep.asset_key != model.spec.key:
                    self._children[dep.asset_key].add(model.spec.key)
        self._yielded: set[dg.AssetKey] = set()

    def allows(self, result: dg.MaterializeResult[None] | dg.AssetCheckResult) -> bool:
        """Return whether the op may yield this now."""
        if isinstance(result, dg.AssetCheckResult) or result.asset_key is None:
            return True
        too_late = not self._yielded.isdisjoint(self._children.get(result.asset_key, ()))
        return result.asset_key in self._selected and not too_late

    def add(self, result: dg.MaterializeResult[None] | dg.AssetCheckResult) -> None:
        """Record that the op yields this."""
        if isinstance(result, dg.MaterializeResult) and result.asset_key is not None:
            self._yielded.add(result.asset_key)
