"""What Dagster selected for one step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from .records import ModelAsset, ModelCheck
from .run_target import Audits


@dataclass(frozen=True, slots=True)
class Selection:
    """The assets and checks that one step may report.

    With `audits_only` SQLMesh runs the audits of the checks and evaluates nothing: no asset is
    selected. `run_id` is the Dagster run, a part of data versions. `is_retry` is whether an earlier
    attempt of the step has reported results. `all_audits` is whether the package has a check for
    every audit; then a run warns of a new audit. `report_plans` is whether to report evaluations
    without Dagster, and `materialize_not_due` whether to report models that are not due. `partial`
    is whether the package holds only a part of the project's models. `environment` is the
    development environment that SQLMesh runs; None for prod.
    """

    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]
    run_id: str
    is_retry: bool = False
    all_audits: bool = True
    audits_only: bool = False
    report_plans: bool = False
    materialize_not_due: bool = False
    partial: bool = False
    environment: str | None = None

    def nodes(self, models: Iterable[ModelAsset]) -> frozenset[str]:
        """Return what SQLMesh must run: fqns of models, names of standalone audits."""
        found = set()
        for model in models:
            audits = self._audits(model)
            found |= {check.audit.name for check in audits if check.audit.standalone}
            has_check = self.has_status(model) or any(
                not check.audit.standalone for check in audits
            )
            if model.spec.key in self.assets or (self.audits_only and has_check):
                found.add(model.fqn)
        return frozenset(found)

    def audits(self, models: Sequence[ModelAsset]) -> Audits:
        """Return the audits of the selected checks."""
        names = {
            (check.audit.name if check.audit.standalone else model.fqn, check.audit.name)
            for model in models
            for check in self._audits(model)
        }
        return Audits(frozenset(names), any(map(self.has_status, models)))

    def checks_of_others(self, models: Iterable[ModelAsset]) -> list[str]:
        """Return the selected checks of assets that are not selected beside them.

        A run of assets evaluates models, and runs audits only after that. Standalone audits run
        alone.
        """
        standalone = {check.spec.key for model in models for check in model.standalone_checks}
        others = [key for key in self.checks - standalone if key.asset_key not in self.assets]
        names = [f"{key.name} of {key.asset_key.to_user_string()}" for key in others]
        return sorted(names) if self.assets else []

    def has_status(self, model: ModelAsset) -> bool:
        """Return whether the check `sqlmesh_execution_status` of a model is selected."""
        return model.has_status_check and model.status_check.key in self.checks

    def _audits(self, model: ModelAsset) -> list[ModelCheck]:
        return [check for check in model.audit_checks if check.spec.key in self.checks]
