"""What a person should know of a translation that went well: what was renamed or is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import naming
from .project import Model, Project

_GROUP = "dagster:group_name:"
_SHOWN = 5


def notes(project: Project) -> tuple[str, ...]:
    """Return what is to be said in the summary, each thing once.

    Names that Dagster would refuse are mapped by the rules of `naming`, and nothing is dropped
    without a word; neither are tables that no model writes and nothing describes.
    """
    renamed = (note for model in project.models for note in _renamed(model))
    return tuple(dict.fromkeys([*project.notes, *_undescribed(project), *renamed]))


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


def _renamed(model: Model) -> Iterator[str]:
    for tag in model.tags:
        if tag.startswith(_GROUP):
            group = tag.removeprefix(_GROUP)
            yield from _difference("group", group, naming.group_name(group))
        elif not tag.startswith("dagster:"):
            yield from _difference("tag", tag, naming.tag(tag))
    if model.owner:
        yield from _difference("owner", model.owner, naming.owner(model.owner))
    key = "/".join(naming.asset_key(model.table))
    yield from _difference("asset key", "/".join(model.table.parts), key)


def _difference(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{what} {before!r} is written as {after!r}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown
