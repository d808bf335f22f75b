"""The records that generated model modules are made of."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

import dagster as dg

from . import contract
from .dagster import compat

EXECUTION_STATUS_CHECK = "sqlmesh_execution_status"


@contract.record
@dataclass(frozen=True, slots=True)
class AuditCheck:
    """One use of a SQLMesh audit on a model, and its Dagster asset check.

    Args:
        audit: name of the audit in SQLMesh.
        args: arguments of this use as SQL text, by name. With `audit` they identify the use.
        spec: the asset check. It never blocks in Dagster, because SQLMesh does the blocking.
        standalone: whether it is a standalone audit, which SQLMesh runs on its own cron.
    """

    audit: str
    args: Mapping[str, str]
    spec: dg.AssetCheckSpec
    standalone: bool = False


@contract.record
@dataclass(frozen=True, slots=True)
class ExternalAsset:
    """A table that models read and SQLMesh does not write.

    Args:
        fqn: SQLMesh's quoted name of the table.
        spec: the asset. Nothing materializes it.
    """

    fqn: str
    spec: dg.AssetSpec


@contract.record
@dataclass(frozen=True, slots=True)
class ModelAsset:
    """A SQLMesh model and its Dagster asset.

    Args:
        fqn: SQLMesh's quoted name of the model. All events of a run carry it.
        spec: the asset.
        audits: the model's audits.
        audit_queries: the queries of these audits by name.
        has_status_check: whether the asset has the check `sqlmesh_execution_status`.
        group_name: the asset's group, if it is a nested one (`marts/finance`).
        kinds: the asset's kinds, if there are more than three.
    """

    fqn: str
    spec: dg.AssetSpec
    audits: tuple[AuditCheck, ...] = ()
    has_status_check: bool = True
    audit_queries: Mapping[str, str] = field(default_factory=dict)
    group_name: str | None = None
    kinds: Set[str] = frozenset()

    def __post_init__(self) -> None:
        """Add to the asset what not every Dagster has."""
        if self.group_name or self.kinds:
            spec = compat.extended(self.spec, self.group_name, self.kinds)
            object.__setattr__(self, "spec", spec)

    @property
    def status_check(self) -> dg.AssetCheckSpec:
        """The check `sqlmesh_execution_status`."""
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
        return [*map(self._check_spec, self.audits), *status]

    def _check_spec(self, check: AuditCheck) -> dg.AssetCheckSpec:
        """Add the metadata that a module holds once: the arguments, and the audit's query."""
        found: dict[str, object] = {}
        if check.args:
            found["sqlmesh/audit_args"] = dict(check.args)
        if not check.standalone and check.audit in self.audit_queries:
            found["sqlmesh/audit_query"] = self.audit_queries[check.audit]
        spec = check.spec
        return dg.AssetCheckSpec(
            name=spec.name,
            asset=spec.asset_key,
            description=spec.description,
            additional_deps=spec.additional_deps,
            blocking=spec.blocking,
            metadata={**spec.metadata, **found},
        )

    def without_status_check(self) -> ModelAsset:
        """Return the same model without the check `sqlmesh_execution_status`."""
        return replace(self, has_status_check=False)
