"""The records of a project and a translation -> the Dagster graph, as the templates see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dg_sqlmesh_codegen.config.model import METADATA_KEYS
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    Audit,
    AuditUse,
    Column,
    ExternalTable,
    Model,
    Project,
    StandaloneAudit,
)

from . import naming, parts
from .apply import Translation
from .translator import storage_kind

Metadata = tuple[tuple[str, object], ...]
# By column, the columns that it is made from.
ColumnLineage = tuple[tuple[str, tuple[tuple[AssetKey, str], ...]], ...]
# Those of `AuditCheck` in the runtime.
PARAMETERS = frozenset({"additional_deps", "args", "blocking"})
_METADATA_ORDER = {f"sqlmesh/{key}": place for place, key in enumerate(METADATA_KEYS)}


@dataclass(frozen=True, slots=True)
class Check:
    """An audit as a Dagster asset check. `constant` is the audit in `audits.py`."""

    constant: Identifier
    use: AuditUse
    additional_deps: tuple[AssetKey, ...] = ()

    @property
    def keywords(self) -> Metadata:
        """The arguments as `AuditCheck` takes them: by name, or all in `args` if a name cannot."""
        names = [Identifier(name) for name, _ in self.use.args]
        plain = [name for name, _ in self.use.args]
        if names == plain and PARAMETERS.isdisjoint(plain):
            return tuple(zip(names, (value for _, value in self.use.args), strict=True))
        return ((Identifier("args"), dict(self.use.args)),)


@dataclass(frozen=True, slots=True)
class Asset:
    """A model as a Dagster asset; `source` is relative to the package's folder."""

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
    source: str | None = None
    freshness: str | None = None
    automation: Identifier | None = None
    run_on_upstream: bool = False
    column_lineage: ColumnLineage = ()
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class External:
    """An external table as a Dagster asset."""

    table: ExternalTable
    module: tuple[Identifier, ...]
    key: AssetKey


def build(project: Project, translation: Translation, out: Path) -> tuple[Asset, ...]:
    """Translate every model that the package holds.

    Keys, modules and constants are told apart in the whole project, so that a model has the same
    ones in every package of it.

    Args:
        project: the SQLMesh project.
        translation: the names and properties of its assets.
        out: the package's absolute folder; the paths of sources are relative to it.

    Returns:
        One asset per model, sorted by its module.

    Raises:
        CodegenError: a translator, tags or the configuration give one key to two models.
    """
    modules = naming.module_paths([model.table for model in project.models])
    builder = _Builder(
        project,
        translation,
        out,
        asset_keys(project, translation),
        _audit_constants(project),
        parts.by_most_downstream(project),
    )
    assets = (
        builder.asset(model, module)
        for model, module in zip(project.models, modules, strict=True)
        if project.holds(model.fqn)
    )
    return tuple(sorted(assets, key=lambda asset: asset.module))


def externals(project: Project, translation: Translation) -> tuple[External, ...]:
    """Return the external tables that the package reads, sorted by their modules' names.

    Raises:
        CodegenError: as `build`.
    """
    tables = project.external_tables
    keys = asset_keys(project, translation)
    modules = naming.module_paths([each.table for each in tables])
    read = {*parts.held(project).external_tables}
    found = [
        External(each, module, keys[each.fqn])
        for each, module in zip(tables, modules, strict=True)
        if each in read
    ]
    return tuple(sorted(found, key=lambda each: each.module))


def asset_keys(project: Project, translation: Translation) -> dict[str, AssetKey]:
    """Return the keys of all models and external tables by fqn.

    Default keys are told apart. Other keys come from translators, tags and the configuration.

    Raises:
        CodegenError: two of these are the same.
    """
    models = _keys(project.models, translation, naming.output_name, {})
    owners = {"/".join(models[model.fqn]): str(model) for model in project.models}
    # External tables are not outputs of the op, so only their keys count.
    return models | _keys(project.external_tables, translation, "/".join, owners)


def _keys(
    subjects: Sequence[Model] | Sequence[ExternalTable],
    translation: Translation,
    claim: Callable[[AssetKey], str],
    owners: dict[str, str],
) -> dict[str, AssetKey]:
    """Return keys by fqn. `owners` are those of keys that exist already, by what a key claims."""
    keys = {each.fqn: translation.key(each) for each in subjects}
    for each in subjects:
        if not translation.has_default_key(each):
            claimed = claim(keys[each.fqn])
            if claimed in owners:
                key = "/".join(keys[each.fqn])
                what = f"{owners[claimed]} and {each} get the same asset key {key}"
                raise translation.collision(what, each)
            owners[claimed] = str(each)
    default = [each for each in subjects if translation.has_default_key(each)]
    originals, plain = [each.table.parts for each in default], [keys[each.fqn] for each in default]
    names = naming.told_apart(originals, plain, lambda key: {claim(key)}, owners)
    return keys | {each.fqn: name for each, name in zip(default, names, strict=True)}


@dataclass(frozen=True, slots=True)
class _Builder:
    """What assets are made of: all keys, the constants of audits, standalone audits by model."""

    project: Project
    translation: Translation
    out: Path
    keys: Mapping[str, AssetKey]
    constants: Mapping[Audit, Identifier]
    standalone: Mapping[str, Sequence[StandaloneAudit]]

    def asset(self, model: Model, module: tuple[Identifier, ...]) -> Asset:
        translation = self.translation
        automation = translation.automation_condition(model)
        return Asset(
            model=model,
            module=module,
            key=self.keys[model.fqn],
            deps=self._deps(model, model.depends_on),
            group=translation.group(model),
            kinds=translation.kinds(model),
            tags=tuple(sorted(translation.tags(model).items())),
            owners=translation.all_owners(model),
            description=translation.description(model),
            columns=model.columns,
            metadata=_metadata(model, translation),
            checks=tuple(self._checks(model)),
            source=self._source(model),
            freshness=translation.freshness(model),
            automation=Identifier(automation) if automation else None,
            run_on_upstream=translation.runs_on_upstream(model),
            column_lineage=tuple(
                (column.name, tuple((self.keys[fqn], name) for fqn, name in column.reads))
                for column in model.columns
                if column.reads
            ),
            jobs=tuple(sorted(name for name, of in self.project.jobs.items() if model.fqn in of)),
        )

    def _deps(self, model: Model, read: Iterable[str]) -> tuple[AssetKey, ...]:
        """Return the keys of what a model or its check reads, but for the model's own."""
        return tuple(sorted({self.keys[fqn] for fqn in read} - {self.keys[model.fqn]}))

    def _checks(self, model: Model) -> Iterator[Check]:
        for use in _merged(model.audits):
            yield Check(self.constants[use.audit], use)
        for each in self.standalone.get(model.fqn, ()):
            use = AuditUse(each.audit, blocking=False)
            yield Check(self.constants[each.audit], use, self._deps(model, each.reads))

    def _source(self, model: Model) -> str | None:
        if model.source is None or "source" not in self.translation.config.metadata_keys:
            return None
        return Path(os.path.relpath(model.source, self.out)).as_posix()


def _metadata(model: Model, translation: Translation) -> Metadata:
    """Return the metadata in the order of `METADATA_KEYS`, then a translator's own keys."""
    ordered = sorted(
        translation.metadata(model).items(),
        key=lambda item: _METADATA_ORDER.get(item[0], len(METADATA_KEYS)),
    )
    storage = {"dagster/table_name": model.name, "dagster/storage_kind": storage_kind(model)}
    return tuple({**storage, **dict(ordered)}.items())


def _audit_constants(project: Project) -> dict[Audit, Identifier]:
    users: dict[Audit, str] = {}
    for model in project.models:
        for use in model.audits:
            users.setdefault(use.audit, model.fqn)
    return naming.audit_constants({each.audit: "" for each in project.standalone_audits} | users)


def _merged(uses: Iterable[AuditUse]) -> Iterable[AuditUse]:
    """Merge equal uses of an audit into one check. It blocks if one of them does."""
    found: dict[tuple[object, ...], AuditUse] = {}
    for each in uses:
        use = (each.audit, each.args)
        if use not in found or each.blocking:
            found[use] = each
    return found.values()
