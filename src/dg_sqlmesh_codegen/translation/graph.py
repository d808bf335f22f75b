"""Project records and a translator -> the Dagster graph, as the templates see it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dg_sqlmesh_codegen.config.model import METADATA_KEYS
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
    additional_deps: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A model as a Dagster asset; `source` is relative to the folder of its generated module."""

    model: Model
    module: tuple[Identifier, ...]
    key: tuple[str, ...]
    deps: tuple[tuple[str, ...], ...]
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
    """A table that SQLMesh does not write, as an asset of its own."""

    table: ExternalTable
    module: tuple[Identifier, ...]
    key: tuple[str, ...]


def build(project: Project, translation: Translation, out: Path) -> tuple[Asset, ...]:
    """Translate every model.

    Args:
        project: what the inspector found.
        translation: names and properties.
        out: absolute folder of the generated package; source paths are written relative to it.

    Returns:
        One asset per model, in the order of the modules' names.

    Raises:
        ProjectError: two models would share an asset key or a module.
    """
    keys = {model.fqn: translation.asset_key(model) for model in project.models}
    _refuse_collisions(project, translation, keys)
    _add_external_keys(project, translation, keys)
    audits = _by_most_downstream(project)
    assets = (_asset(model, translation, keys, out, audits) for model in project.models)
    return tuple(sorted(assets, key=lambda asset: asset.module))


def _refuse_collisions(
    project: Project, translation: Translation, keys: Mapping[str, tuple[str, ...]]
) -> None:
    paths = {model.name: naming.module_path(model.table) for model in project.models}
    naming.refuse_collisions("module", [(".".join(path), name) for name, path in paths.items()])
    # Dagster names an op output after a key: parts joined by "__", and "-" and "." are "_" there.
    outputs = [
        ("__".join(keys[model.fqn]).replace("-", "_").replace(".", "_"), model.name)
        for model in project.models
    ]
    try:
        naming.refuse_collisions("asset key", outputs)
    except ProjectError as error:
        raise translation.blamed(error, "get_asset_key") from error
    imported = [(import_name(path), name) for name, path in paths.items()]
    naming.refuse_collisions("import name", imported)
    _refuse_folders(paths)


def _refuse_folders(paths: Mapping[str, tuple[Identifier, ...]]) -> None:
    """Refuse what a file system, or Python, would take for a folder or a file of another model."""
    folders: dict[tuple[str, ...], tuple[tuple[Identifier, ...], str]] = {}
    for name, path in paths.items():
        for depth in range(1, len(path)):
            exact = path[:depth]
            other, owner = folders.setdefault(tuple(map(str.lower, exact)), (exact, name))
            if other != exact:
                raise ProjectError(
                    f"models {owner} and {name} get folders that differ by case only: "
                    f"{'/'.join(other)} and {'/'.join(exact)}",
                    hint="Write the catalog or schema the same way in both.",
                )
    for name, path in paths.items():
        if path[-1] == "__init__":
            raise ProjectError(
                f"model {name} would be the __init__.py of its folder",
                hint="Rename it in the SQLMesh project.",
            )
        if tuple(map(str.lower, path)) in folders:
            raise ProjectError(
                f"model {name} is named like a schema of other models",
                hint="Rename one of them in the SQLMesh project.",
            )


def import_name(module: Sequence[Identifier]) -> Identifier:
    """Return the name that `models/__init__.py` imports a model under."""
    return Identifier("__".join(module))


def externals(project: Project, translation: Translation) -> tuple[External, ...]:
    """Return the tables that SQLMesh does not write, in the order of their modules' names.

    Raises:
        ProjectError: two of them would share a module.
    """
    found = [
        External(table, naming.module_path(table.table), translation.external_key(table))
        for table in project.external_tables
    ]
    paths = {str(each.table.table): each.module for each in found}
    naming.refuse_collisions("module", [(".".join(path), name) for name, path in paths.items()])
    imported = [(import_name(path), name) for name, path in paths.items()]
    naming.refuse_collisions("import name", imported)
    _refuse_folders(paths)
    return tuple(sorted(found, key=lambda each: each.module))


def _add_external_keys(
    project: Project, translation: Translation, keys: dict[str, tuple[str, ...]]
) -> None:
    """Add the external tables' keys: an edge to one must not become an edge to something else."""
    owners = {key: fqn for fqn, key in keys.items()}
    for table in project.external_tables:
        key = translation.external_key(table)
        other = owners.setdefault(key, table.fqn)
        if other != table.fqn:
            error = ProjectError(
                f"{_described(other, project)} and {table} get the same asset key {'/'.join(key)}",
                hint="Rename one of them.",
            )
            raise translation.blamed(error, "get_external_asset_key")
        keys[table.fqn] = key


def _described(fqn: str, project: Project) -> str:
    named: Iterable[Model | ExternalTable] = (*project.models, *project.external_tables)
    return next(str(each) for each in named if each.fqn == fqn)


def _asset(
    model: Model,
    translation: Translation,
    keys: Mapping[str, tuple[str, ...]],
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
    """Return the metadata in the order of the keys' definition, a translator's own behind it."""
    found = translation.metadata(model)
    if model.source and "source" in translation.metadata_keys:
        source = Path(os.path.relpath(model.source, folder)).as_posix()
        found = {"sqlmesh/source": source, **found}
    ordered = sorted(
        found.items(), key=lambda item: _METADATA_ORDER.get(item[0], len(METADATA_KEYS))
    )
    return tuple({"dagster/table_name": model.name, **dict(ordered)}.items())


def _checks(
    model: Model, standalone: Sequence[StandaloneAudit], keys: Mapping[str, tuple[str, ...]]
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
    """Leave out the audits of models that are to be no checks: "all", "blocking" or "none".

    Standalone audits stay. SQLMesh runs the audits of a model with it, checks or not; standalone
    ones it runs where they are selected, and that is what their check is for.
    """
    if wanted == "all":
        return project
    models = (
        replace(model, audits=tuple(a for a in model.audits if a.blocking and wanted == "blocking"))
        for model in project.models
    )
    return replace(project, models=tuple(models))


def checked_audits(project: Project) -> tuple[StandaloneAudit, ...]:
    """Return the standalone audits that are checks: those that read a model at all."""
    return tuple(audit for some in _by_most_downstream(project).values() for audit in some)


def _merged(audits: Iterable[Audit]) -> Iterable[Audit]:
    """Make one check of a use that stands there twice: it has one result.

    SQLMesh runs both, so it blocks if one of them does.
    """
    found: dict[tuple[object, ...], Audit] = {}
    for audit in audits:
        use = (audit.name, audit.args, audit.standalone)
        if use not in found or audit.blocking:
            found[use] = audit
    return found.values()


def _by_most_downstream(project: Project) -> dict[str, list[StandaloneAudit]]:
    """Give every standalone audit to the model that is the last of those it reads.

    Its check can only stand on one asset, and at its time that one has been evaluated last.
    """
    models = {model.fqn: model for model in project.models}
    found: dict[str, list[StandaloneAudit]] = defaultdict(list)
    depths: dict[str, int] = {}
    for audit in project.standalone_audits:
        read = [fqn for fqn in audit.reads if fqn in models]
        if read:
            last = max(read, key=lambda fqn: (_depth(fqn, models, depths), fqn))
            found[last].append(audit)
    return found


def _depth(fqn: str, models: Mapping[str, Model], known: dict[str, int]) -> int:
    """Return how many models stand one above another upstream; without recursion, for long DAGs."""
    waiting = [fqn]
    while waiting:
        current = waiting[-1]
        upstream = [dep for dep in models[current].depends_on if dep in models]
        unknown = [dep for dep in upstream if dep not in known]
        if unknown:
            waiting.extend(unknown)
        else:
            known[current] = 1 + max((known[dep] for dep in upstream), default=0)
            waiting.pop()
    return known[fqn]


def _check_description(audit: Audit) -> str:
    arguments = ", ".join(f"{name} := {value}" for name, value in audit.args)
    if audit.standalone:
        return f"SQLMesh standalone audit {audit.name}"
    blocking = "blocking" if audit.blocking else "non-blocking"
    return f"SQLMesh audit {audit.name}({arguments}), {blocking}"
