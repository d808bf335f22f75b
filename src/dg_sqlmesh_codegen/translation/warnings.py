"""Warnings of a successful translation: changed names, unknown columns, undescribed tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.config.names import PackageNames
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, Project

from . import property_tags
from .apply import Translation
from .translator import SQLMeshTranslator, overrides

_SHOWN = 5


def warnings(
    project: Project, translation: Translation, keys: Mapping[str, AssetKey]
) -> tuple[str, ...]:
    """Return the warnings about a project and its translation, each once.

    `keys` are the models' asset keys by fqn. The warnings list names that Dagster does not accept
    and that were changed, settings that have no effect, tables that no model writes and nothing
    describes, and models with unknown columns.
    """
    found = [
        *_overruled(translation.config, translation.translator),
        *project.warnings,
        *_undescribed(project),
    ]
    for model in project.models:
        found += property_tags.warnings(model)
    for model in project.models:
        found += _renamed(model, translation, keys[model.fqn])
    return tuple(dict.fromkeys(found))


def _overruled(config: Config, translator: SQLMeshTranslator) -> Iterator[str]:
    if config.jobs and config.schedule_name != PackageNames.of(config.name).schedule:
        yield "schedule_name is not used: with `jobs`, a schedule has the name of its job"
    if config.external_asset_mapping and overrides(translator, "get_external_asset_key"):
        yield (
            f"external_asset_mapping is not used: the translator {config.translator} returns the "
            "keys of external tables"
        )
    if config.translator and config.group_name:
        yield f"group_name = {config.group_name!r} overrides the translator's get_group_name"
    if config.group_by != "none" and config.group_name:
        yield f"group_by = {config.group_by!r} is not used: group_name is {config.group_name!r}"
    elif config.group_by != "none" and overrides(translator, "get_group_name"):
        yield f"group_by = {config.group_by!r} overrides the translator's get_group_name"


def _undescribed(project: Project) -> Iterator[str]:
    tables = [str(table.table) for table in project.external_tables if not table.described]
    if tables:
        yield (
            f"external tables without a description in the project: {_some(tables)}. "
            "`sqlmesh create_external_models` describes them."
        )
    models = {model.fqn for model in project.models}
    for audit in project.standalone_audits:
        if models.isdisjoint(audit.reads):
            yield f"{audit} reads no model, so no asset has its check"
    unknown = [model.name for model in project.models if not model.columns]
    if unknown:
        yield f"models with unknown columns: {_some(unknown)}"


def _renamed(model: Model, translation: Translation, key: AssetKey) -> Iterator[str]:
    """Yield the names that the naming rules changed, except those that a translator returned."""
    for what, value, changed in property_tags.changed(model):
        yield from _difference(what, value, changed)
    if not translation.config.group_name and not property_tags.of(model).group_name:
        group = translation.schema_or_folder(model)
        yield from _difference("group", group, dagster_names.group_name(group))
    if not overrides(translation.translator, "get_tags"):
        for tag in property_tags.plain(model):
            yield from _difference("tag", tag, dagster_names.tag(tag))
    if model.owner and not overrides(translation.translator, "get_owners"):
        yield from _difference("owner", model.owner, dagster_names.owner(model.owner))
    if translation.has_default_key(model):
        yield from _difference("asset key", "/".join(model.table.parts), "/".join(key))


def _difference(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{what} {before!r} is written as {after!r}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown
