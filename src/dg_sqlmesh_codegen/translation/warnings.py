"""What a person should know of a translation that went well: what was renamed or is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, Project

from . import naming, property_tags
from .apply import names_externals
from .translator import SQLMeshTranslator

_SHOWN = 5


def _key(text: str) -> str:
    return "/".join(property_tags.key(text))


_PROPERTIES = {
    f"{property_tags.PREFIX}group_name:": ("group", dagster_names.group_name),
    f"{property_tags.PREFIX}owner:": ("owner", dagster_names.owner),
    f"{property_tags.PREFIX}kind:": ("kind", dagster_names.kind),
    f"{property_tags.PREFIX}asset_key:": ("asset key", _key),
}


def warnings(
    project: Project, config: Config, translator: SQLMeshTranslator | None = None
) -> tuple[str, ...]:
    """Return what is to be said in the summary, each thing once.

    Names that Dagster would refuse are mapped by the rules of `naming`, and nothing is dropped
    without a word; neither are tables that no model writes and nothing describes.
    """
    used = translator or SQLMeshTranslator()
    renamed = (note for model in project.models for note in _renamed(model, used))
    tagged = (note for model in project.models for note in property_tags.notes(model))
    said = [*_overruled(config, used), *project.notes, *_undescribed(project), *tagged, *renamed]
    return tuple(dict.fromkeys(said))


def _overruled(config: Config, translator: SQLMeshTranslator) -> Iterator[str]:
    if names_externals(translator) and config.external_asset_mapping:
        yield (
            f"external_asset_mapping is not used: the translator {config.translator} names the "
            "keys of external tables"
        )
    if config.translator and config.group_name:
        yield f"group_name = {config.group_name!r} wins over the translator's get_group_name"


def _undescribed(project: Project) -> Iterator[str]:
    tables = [str(table.table) for table in project.external_tables if not table.described]
    if tables:
        yield f"read, and described nowhere: {_some(tables)}"
    models = {model.fqn for model in project.models}
    for audit in project.standalone_audits:
        if models.isdisjoint(audit.reads):
            yield f"{audit} reads no model, so no asset has its check"
    unknown = [model.name for model in project.models if not model.columns]
    if unknown:
        yield f"columns are not known: {_some(unknown)}"


def _renamed(model: Model, translator: SQLMeshTranslator) -> Iterator[str]:
    """Yield what the naming rules changed, of the names that they and no one else made."""
    for tag in model.tags:
        for prefix, (what, renamed) in _PROPERTIES.items():
            if tag.startswith(prefix):
                value = tag.removeprefix(prefix)
                yield from _difference(what, value, renamed(value))
        if not tag.startswith(property_tags.PREFIX) and _is_default(translator, "get_tags"):
            yield from _difference("tag", tag, dagster_names.tag(tag))
    if model.owner and _is_default(translator, "get_owners"):
        yield from _difference("owner", model.owner, dagster_names.owner(model.owner))
    if not property_tags.of(model).asset_key and _is_default(translator, "get_asset_key"):
        key = "/".join(naming.asset_key(model.table))
        yield from _difference("asset key", "/".join(model.table.parts), key)


def _is_default(translator: SQLMeshTranslator, method: str) -> bool:
    return getattr(type(translator), method) is getattr(SQLMeshTranslator, method)


def _difference(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{what} {before!r} is written as {after!r}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown
