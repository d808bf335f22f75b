"""What Dagster selected for one step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from .records import ModelAsset


@dataclass(frozen=True, slots=True)
class Selection:
    """The assets and checks that one step may report.

    `run_id` is the Dagster run, a part of data versions. `is_retry` is whether an earlier attempt
    of the step has reported results. `all_audits` is whether the package has a check for every
    audit; then a run warns of a new audit.
    """

    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]
    run_id: str
    is_retry: bool = False
    all_audits: bool = True

    def nodes(self, models: Iterable[ModelAsset]) -> frozenset[str]:
        """Return what SQLMesh must evaluate: fqns of models, names of standalone audits."""
        found = set()
        for model in models:
            if model.spec.key in self.assets:
                found.add(model.fqn)
            for check in model.audit_checks:
                if check.audit.standalone and check.spec.key in self.checks:
                    found.add(check.audit.name)
        return frozenset(found)
