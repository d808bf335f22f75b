"""The records of a project and a translation -> the Dagster graph, as the templates see it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from pathlib import Path

from dg_sqlmesh_codegen.config.model import METADATA_KEYS
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.package_paths import MODELS_FOLDER
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    Audit,
    Column,
    ExternalTable,
    Model,
    Project,
    StandaloneAudit,
)

from . import naming
from .apply import Translation

Metadata = tuple[tuple[str, object], ...]
_METADATA_ORDER = {f"sqlmesh/{key}": place for place, key in enumerate(METADATA_KEYS)}


@dataclass(frozen=True, slots=True)
class Check:
    """An audit as a Dagster asset check."""

    name: str
    description: str
    audit: Audit
    additional_deps: tuple[AssetKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A model as a Dagster asset; `source` is relative to the folder of its generated module."""

    model: Model
    module: tuple[Identifier, ...]
    key: AssetKey
    deps: tuple[AssetKey, ...]
    group: str
    kinds: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    owners: tuple[str, ...]
    description: str | None
    columns: tuple[Column, ...]
    metadata: Metadata
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class External:
    """An external table as a Dagster asset."""

    table: ExternalTable
    module: tuple[Identifier, ...]
    key: AssetKey


def build(project: Project, translation: Translation, out: Path) -> tuple[Asset, ...]:
    """Translate every model.

    Args:
        project: the SQLMesh project.
        translation: the names and properties of its assets.
        out: the package's absolute folder; the paths of sources are relative to its modules.

    Returns:
        One asset per model, sorted by its module.

    Raises:
        ProjectError: two models have the same asset key or module.
    """
    keys = {model.fqn: translation.asset_key(model) for model in project.models}
    _refuse_collisions(project, translation, keys)
    _add_external_keys(project, translation, keys)
    audits = _by_most_downstream(project)
    assets = (_asset(model, translation, keys, out, audits) for model in project.models)
    return tuple(sorted(assets, key=lambda asset: asset.module))


def _refuse_collisions(
    project: Project, translation: Translation, keys: Mapping[str, AssetKey]
) -> None:
    _refuse_paths({model.name: naming.module_path(model.table) for model in project.models})
    # Dagster makes the name of an op output of a key: it joins the parts with "__", and replaces
    # "-" and "." by "_".
    outputs = [
        ("__".join(keys[model.fqn]).replace("-", "_").replace(".", "_"), model.name)
        for model in project.models
    ]
    try:
        naming.refuse_collisions("asset key", outputs)
    except ProjectError as error:
        raise translation.collision(error, "get_asset_key") from error


def _refuse_paths(paths: Mapping[str, tuple[Identifier, ...]]) -> None:
    """Refuse two models or tables, by name, with one path, also where case does not count."""
    naming.refuse_collisions("import name", [(import_name(paths[name]), name) for name in paths])
    taken: dict[str, tuple[str, str]] = {}
    for name, path in paths.items():
        *folders, file = ("/".join(path[: depth + 1]) for depth in range(len(path)))
        # A folder may be used twice if it is spelled alike; a file may not.
        uses = [(folder, folder, name) for folder in folders]
        uses += [(f"{folder}/__init__", "", "the package") for folder in folders]
        for place, use, owner in (*uses, (file, f"model {name}", name)):
            found, other = taken.setdefault(place.lower(), (use, owner))
            if found != use:
                raise ProjectError(
                    f"{other} and {name} get the same path {place} if case is ignored",
                    hint="Rename one of them in the SQLMesh project.",
                )


def import_name(module: Sequence[Identifier]) -> Identifier:
    """Return the name of a model in `models/__init__.py`."""
    return Identifier("__".join(module))


def externals(project: Project, translation: Translation) -> tuple[External, ...]:
    """Return the external tables, sorted by their modules' names.

    Raises:
        ProjectError: two of them have the same module.
    """
    found = [
        External(table, naming.module_path(table.table), translation.external_key(table))
        for table in project.external_tables
    ]
    _refuse_paths({str(each.table.table): each.module for each in found})
    return tuple(sorted(found, key=lambda each: each.module))


def _add_external_keys(
    project: Project, translation: Translation, keys: dict[str, AssetKey]
) -> None:
    """Add the external tables' keys. No two keys may be the same, or an edge would be wrong."""
    owners: dict[AssetKey, Model | ExternalTable] = {
        keys[each.fqn]: each for each in project.models
    }
    for table in project.external_tables:
        key = translation.external_key(table)
        other = owners.setdefault(key, table)
        if other is not table:
            error = ProjectError(
                f"{other} and {table} get the same asset key {'/'.join(key)}",
                hint="Rename one of them.",
            )
            raise translation.collision(error, "get_external_asset_key")
        keys[table.fqn] = key


def _asset(
    model: Model,
    translation: Translation,
    keys: Mapping[str, AssetKey],
    out: Path,
    standalone: Mapping[str, Sequence[StandaloneAudit]],
) -> Asset:
    module = naming.module_path(model.table)
    key = keys[model.fqn]
    return Asset(
        model=model,
        module=module,
        key=key,
        deps=tuple(sorted({keys[fqn] for fqn in model.depends_on} - {key})),
        group=translation.group(model),
        kinds=translation.kinds(model),
        tags=tuple(sorted(translation.tags(model).items())),
        owners=translation.all_owners(model),
        description=translation.description(model),
        columns=model.columns,
        metadata=_metadata(model, translation, out.joinpath(MODELS_FOLDER, *module[:-1])),
        checks=_checks(model, standalone.get(model.fqn, ()), keys),
    )


def _metadata(model: Model, translation: Translation, folder: Path) -> Metadata:
    """Return the metadata in the order of `METADATA_KEYS`, then a translator's own keys."""
    found = translation.metadata(model)
    if model.source and "source" in translation.metadata_keys:
        source = Path(os.path.relpath(model.source, folder)).as_posix()
        found = {"sqlmesh/source": source, **found}
    ordered = sorted(
        found.items(), key=lambda item: _METADATA_ORDER.get(item[0], len(METADATA_KEYS))
    )
    return tuple({"dagster/table_name": model.name, **dict(ordered)}.items())


def _checks(
    model: Model, standalone: Sequence[StandaloneAudit], keys: Mapping[str, AssetKey]
) -> tuple[Check, ...]:
    reads = {each.audit: {keys[fqn] for fqn in each.reads} for each in standalone}
    audits = tuple(_merged((*model.audits, *reads)))
    return tuple(
        Check(
            name,
            _check_description(audit),
            audit,
            tuple(sorted(reads.get(audit, set()) - {keys[model.fqn]})),
        )
        for name, audit in zip(naming.check_names(audits), audits, strict=True)
    )


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


def checked_audits(project: Project) -> tuple[StandaloneAudit, ...]:
    """Return the standalone audits that become checks: those that read at least one model."""
    return tuple(audit for some in _by_most_downstream(project).values() for audit in some)


def _merged(audits: Iterable[Audit]) -> Iterable[Audit]:
    """Merge equal uses of an audit into one check. It blocks if one of them does."""
    found: dict[tuple[object, ...], Audit] = {}
    for audit in audits:
        use = (audit.name, audit.args, audit.standalone)
        if use not in found or audit.blocking:
            found[use] = audit
    return found.values()


def _by_most_downstream(project: Project) -> dict[str, list[StandaloneAudit]]:
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


def _check_description(audit: Audit) -> str:
    arguments = ", ".join(f"{name} := {value}" for name, value in audit.args)
    if audit.standalone:
        return f"SQLMesh standalone audit {audit.name}"
    blocking = "blocking" if audit.blocking else "non-blocking"
    return f"SQLMesh audit {audit.name}({arguments}), {blocking}"
