"""What Dagster wants of one step, beside what SQLMesh has promoted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from .records import ModelAsset


@dataclass(frozen=True, slots=True)
class Selection:
    """What Dagster wants of this step: assets, checks, and the id of the run for data versions.

    `is_retry`: an earlier attempt of the step has reported what it had finished. `all_audits`: the
    package was generated with a check for every audit, so one without is news.
    """

    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]
    run_id: str
    is_retry: bool = False
    all_audits: bool = True

    def nodes(self, models: Iterable[ModelAsset]) -> frozenset[str]:
        """Return what SQLMesh is to evaluate: models by fqn, standalone audits by name."""
        found = set()
        for model in models:
            if model.spec.key in self.assets:
                found.add(model.fqn)
            for check in model.audits:
                if check.standalone and check.spec.key in self.checks:
                    found.add(check.audit)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Unheard:
    """A model that SQLMesh had nothing to do for; `altered`: its intervals, in epoch seconds."""

    key: dg.AssetKey
    fqn: str
    altered: float
