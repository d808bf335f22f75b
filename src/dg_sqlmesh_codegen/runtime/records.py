"""The records that generated model modules are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import dagster as dg

EXECUTION_STATUS_CHECK = "sqlmesh_execution_status"


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


@dataclass(frozen=True, slots=True)
class ExternalAsset:
    """A table that models read and SQLMesh does not write.

    Args:
        fqn: SQLMesh's quoted name of the table.
        spec: the asset. Nothing materializes it.
    """

    fqn: str
    spec: dg.AssetSpec


@dataclass(frozen=True, slots=True)
class ModelAsset:
    """A SQLMesh model and its Dagster asset.

    Args:
        fqn: SQLMesh's quoted name of the model. All events of a run carry it.
        spec: the asset.
        source: path of the model's file, relative to the package's folder.
        source_line: its line in that file.
        freshness: how old its data may be, such as `25h`. Dagster shows older data as late.
        audits: the model's audits.
        audit_queries: the queries of these audits by name.
        has_status_check: whether the asset has the check `sqlmesh_execution_status`.
    """

    fqn: str
    spec: dg.AssetSpec
    audits: tuple[AuditCheck, ...] = ()
    has_status_check: bool = True
    audit_queries: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    source_line: int | None = None
    freshness: str | None = None

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
        return check.spec.with_metadata({**check.spec.metadata, **found})

    def without_status_check(self) -> ModelAsset:
        """Return the same model without the check `sqlmesh_execution_status`."""
        return replace(self, has_status_check=False)
