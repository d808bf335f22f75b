"""What a package holds of a project: models, and the audits and tables that belong to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import replace
from graphlib import TopologicalSorter

from dg_sqlmesh_codegen.sqlmesh_project.records import Project, StandaloneAudit


def held(project: Project) -> Project:
    """Return what the package holds, and the external tables that this reads."""
    if project.selected is None:
        return project
    models = tuple(model for model in project.models if project.holds(model.fqn))
    audits = checked_audits(project, project.selected)
    read = {fqn for model in models for fqn in model.depends_on}
    read |= {fqn for audit in audits for fqn in audit.reads}
    tables = tuple(table for table in project.external_tables if table.fqn in read)
    return replace(project, models=models, standalone_audits=audits, external_tables=tables)


def with_checks(project: Project, wanted: str) -> Project:
    """Keep only the models' audits that become checks: "all", "blocking" or "none".

    Standalone audits stay: SQLMesh runs a model's audits with the model even without checks, but a
    standalone audit only if its check is selected.
    """
    if wanted == "all":
        return project
    models = (
        replace(model, audits=tuple(a for a in model.audits if a.blocking and wanted == "blocking"))
        for model in project.models
    )
    return replace(project, models=tuple(models))


def checked_audits(project: Project, models: Container[str]) -> tuple[StandaloneAudit, ...]:
    """Return the standalone audits that become checks of some of a project's models, by fqn.

    An audit that reads no model becomes none.
    """
    found = by_most_downstream(project).items()
    return tuple(audit for fqn, some in found if fqn in models for audit in some)


def by_most_downstream(project: Project) -> dict[str, list[StandaloneAudit]]:
    """Group the standalone audits by the most downstream of the models that each of them reads.

    A check belongs to one asset, and SQLMesh evaluates this model last.
    """
    if not project.standalone_audits:
        return {}
    depths = _depths(project)
    found: dict[str, list[StandaloneAudit]] = defaultdict(list)
    for audit in project.standalone_audits:
        read = [fqn for fqn in audit.reads if fqn in depths]
        if read:
            found[max(read, key=lambda fqn: (depths[fqn], fqn))].append(audit)
    return found


def _depths(project: Project) -> dict[str, int]:
    """Return the length of the longest chain of upstream models for each model."""
    models = {model.fqn for model in project.models}
    upstream = {
        model.fqn: (models & set(model.depends_on)) - {model.fqn} for model in project.models
    }
    depths: dict[str, int] = {}
    for fqn in TopologicalSorter(upstream).static_order():
        depths[fqn] = 1 + max((depths[dep] for dep in upstream[fqn]), default=0)
    return depths
