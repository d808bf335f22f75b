"""The names of a package's Dagster definitions, which are unique in a code location."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from dg_sqlmesh_codegen.python_names import Identifier

_PREFIX = "sqlmesh"


@dataclass(frozen=True, slots=True)
class PackageNames:
    """What the generated definitions.py calls its definitions, as Python and in Dagster.

    `resource` is the resource's key and the name of the parameters that get it. The variables are
    those of a deployment; the environment's is the same for all packages.
    """

    op: Identifier
    job: Identifier
    sync_op: Identifier
    sync_job: Identifier
    schedule: Identifier
    resource: Identifier
    sensor: Identifier
    restate_op: Identifier
    restate_job: Identifier
    project_dir_variable: Identifier
    gateway_variable: Identifier

    @classmethod
    def of(cls, name: str | None) -> PackageNames:
        """Return the names of the package with this `name`, or of one without a name."""
        prefix, suffix = name or _PREFIX, f"_{name.upper()}" if name else ""
        return cls(
            op=Identifier(f"{prefix}_models"),
            job=Identifier(f"{prefix}_job"),
            sync_op=Identifier(f"{prefix}_sync"),
            sync_job=Identifier(f"{prefix}_sync_job"),
            schedule=Identifier(f"{name}_schedule" if name else "sqlmesh_adaptive_schedule"),
            resource=Identifier(prefix),
            sensor=Identifier(f"{prefix}_upstream_sensor"),
            restate_op=Identifier(f"{prefix}_restate"),
            restate_job=Identifier(f"{prefix}_restate_job"),
            project_dir_variable=Identifier(f"DG_SQLMESH_PROJECT_DIR{suffix}"),
            gateway_variable=Identifier(f"DG_SQLMESH_GATEWAY{suffix}"),
        )

    @property
    def others(self) -> frozenset[str]:
        """The names that neither the schedule nor a definition of another package may have."""
        return frozenset(map(str, astuple(self))) - {self.schedule, self.resource}
