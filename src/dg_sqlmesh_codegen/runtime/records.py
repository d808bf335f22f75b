"""The records that generated modules are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import dagster as dg

EXECUTION_STATUS_CHECK = "sqlmesh_execution_status"


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """One use of a SQLMesh audit on a model, and the Dagster check that stands for it.

    Args:
        audit: the audit's name in SQLMesh.
        args: the use's arguments as SQL text, by name; with the name they identify the use.
        spec: the check. It never blocks in Dagster, because SQLMesh does the blocking.
        standalone: whether the audit is a node of its own in SQLMesh, with its own cron.
    """

    audit: str
    args: Mapping[str, str]
    spec: dg.AssetCheckSpec
    standalone: bool = False


@dataclass(frozen=True, slots=True)
class ExternalAsset:
    """A table that models read and SQLMesh does not write.

    Args:
        fqn: SQLMesh's quoted name of the table.
        spec: the asset, which nothing materializes.
    """

    fqn: str
    spec: dg.AssetSpec


@dataclass(frozen=True, slots=True)
class ModelAsset:
    """A SQLMesh model and the Dagster asset that stands for it.

    Args:
        fqn: SQLMesh's quoted name of the model, the key of everything SQLMesh reports.
        spec: the asset.
        audits: its audits.
        has_status_check: whether it has the check that says what became of it in a run.
    """

    fqn: str
    spec: dg.AssetSpec
    audits: tuple[AuditCheck, ...] = ()
    has_status_check: bool = True

    @property
    def status_check(self) -> dg.AssetCheckSpec:
        """The check that says what became of the model in a run."""
        return dg.AssetCheckSpec(
            name=EXECUTION_STATUS_CHECK,
            asset=self.spec.key,
            description="Whether SQLMesh evaluated the model, and if not, why",
            blocking=False,
        )

    @property
    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """All checks of the asset: one for each audit, and the execution status."""
        status = [self.status_check] if self.has_status_check else []
        return [*(audit.spec for audit in self.audits), *status]

    def without_status_check(self) -> ModelAsset:
        """Return the same model without the check `sqlmesh_execution_status`."""
        return replace(self, has_status_check=False)
