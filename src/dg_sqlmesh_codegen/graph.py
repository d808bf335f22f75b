"""Project records and a translator -> the Dagster graph, as the templates see it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import naming
from .errors import ProjectError
from .naming import Identifier
from .project import Audit, Column, Model, Project
from .translator import SQLMeshTranslator

MODELS_FOLDER = "models"

Metadata = tuple[tuple[str, "str | tuple[str, ...] | None"], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """An audit as a Dagster asset check."""

    name: str
    description: str
    audit: Audit


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


def build(project: Project, translator: SQLMeshTranslator, out: Path) -> tuple[Asset, ...]:
    """Translate every model.

    Args:
        project: what the inspector found.
        translator: names and properties.
        out: absolute folder of the generated package; source paths are written relative to it.

    Returns:
        One asset per model, in the order of the modules' names.

    Raises:
        ProjectError: two models would share an asset key or a module.
    """
    keys = {model.fqn: translator.get_asset_key(model) for model in project.models}
    _refuse_collisions(project, keys)
    for table in project.external_tables:
        keys[table.fqn] = translator.get_external_key(table)
    assets = (_asset(model, translator, keys, out) for model in project.models)
    return tuple(sorted(assets, key=lambda asset: asset.module))


def _refuse_collisions(project: Project, keys: Mapping[str, tuple[str, ...]]) -> None:
    modules = [(".".join(naming.module_path(model.table)), model.name) for model in project.models]
    naming.refuse_collisions("module", modules)
    # Dagster names an op output after a key: parts joined by "__", and "-" and "." are "_" there.
    outputs = [
        ("__".join(keys[model.fqn]).replace("-", "_").replace(".", "_"), model.name)
        for model in project.models
    ]
    naming.refuse_collisions("asset key", outputs)
    folders = {tuple(path[:depth]) for path in _paths(project) for depth in range(1, len(path))}
    for model in project.models:
        if tuple(naming.module_path(model.table)) in folders:
            raise ProjectError(
                f"model {model.name} is named like a schema of other models",
                hint="Rename one of them in the SQLMesh project.",
            )


def _paths(project: Project) -> list[tuple[Identifier, ...]]:
    return [naming.module_path(model.table) for model in project.models]


def _asset(
    model: Model,
    translator: SQLMeshTranslator,
    keys: Mapping[str, tuple[str, ...]],
    out: Path,
) -> Asset:
    module = naming.module_path(model.table)
    key = keys[model.fqn]
    return Asset(
        model=model,
        module=module,
        key=key,
        deps=tuple(sorted({keys[fqn] for fqn in model.depends_on} - {key})),
        group=translator.get_group_name(model),
        kinds=tuple(sorted(set(translator.get_kinds(model)))),
        tags=tuple(sorted(translator.get_tags(model).items())),
        owners=translator.get_owners(model),
        description=translator.get_description(model),
        columns=model.columns,
        metadata=_metadata(model, out.joinpath(MODELS_FOLDER, *module[:-1])),
        checks=_checks(model),
    )


def _metadata(model: Model, folder: Path) -> Metadata:
    source = Path(os.path.relpath(model.source, folder)).as_posix() if model.source else None
    entries: Metadata = (
        ("dagster/table_name", model.name),
        ("sqlmesh/kind", model.kind),
        ("sqlmesh/dialect", model.dialect or None),
        ("sqlmesh/cron", model.cron),
        ("sqlmesh/cron_tz", model.cron_tz),
        ("sqlmesh/start", model.start),
        ("sqlmesh/tags", tuple(sorted(model.tags))),
        ("sqlmesh/grain", model.grains),
        ("sqlmesh/partitioned_by", model.partitioned_by),
        ("sqlmesh/clustered_by", model.clustered_by),
        ("sqlmesh/source", source),
    )
    return tuple((key, value) for key, value in entries if value)


def _checks(model: Model) -> tuple[Check, ...]:
    audits = tuple({(audit.name, audit.args): audit for audit in model.audits}.values())
    names = naming.check_names(audits)
    return tuple(
        Check(name, _check_description(audit), audit)
        for name, audit in zip(names, audits, strict=True)
    )


def _check_description(audit: Audit) -> str:
    arguments = ", ".join(f"{name} := {value}" for name, value in audit.args)
    blocking = "blocking" if audit.blocking else "non-blocking"
    return f"SQLMesh audit {audit.name}({arguments}), {blocking}"
