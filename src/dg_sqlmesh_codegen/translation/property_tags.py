"""SQLMesh tags `dagster:property:value`: they set a property of the asset and are not its tags."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.sqlmesh_project.records import Model

PREFIX = "dagster:"
KNOWN = ("group_name", "owner", "kind", "description", "asset_key")
_SINGLE = ("group_name", "description", "asset_key")


@dataclass(frozen=True, slots=True)
class Properties:
    """The asset properties in a model's tags; None or an empty tuple means that no tag sets one.

    `owners` and `kinds` are added to the model's own; the others replace what it would have.
    """

    group_name: str | None = None
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    description: str | None = None
    asset_key: dagster_names.AssetKey = ()


def of(model: Model) -> Properties:
    """Read a model's tags. If a property can have only one value, the first one counts."""
    found = [*pairs(model)]
    first = dict(reversed(found))
    return Properties(
        group_name=dagster_names.group_name(first.get("group_name", "")) or None,
        owners=tuple(dagster_names.owner(value) for name, value in found if name == "owner"),
        kinds=tuple(dagster_names.kind(value) for name, value in found if name == "kind"),
        description=first.get("description"),
        asset_key=key(first.get("asset_key", "")),
    )


def key(text: str) -> dagster_names.AssetKey:
    """Return the asset key of a tag's value `a/b/c`; empty if the text has no parts."""
    return tuple(dagster_names.key_part(part.strip()) for part in text.split("/") if part.strip())


def pairs(model: Model) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each tag that sets a known property."""
    for _, name, value in _parsed(model):
        if name in KNOWN and value.strip():
            yield name, value


def plain(model: Model) -> tuple[str, ...]:
    """Return the tags that are not property tags."""
    return tuple(tag for tag in model.tags if not tag.startswith(PREFIX))


def warnings(model: Model) -> Iterator[str]:
    """Yield what is wrong with a model's property tags."""
    for tag, name, value in _parsed(model):
        if name not in KNOWN:
            close = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0)
            yield f"{model}: unknown property in tag {tag!r}. Did you mean {PREFIX}{close[0]}:...?"
        elif not value.strip():
            yield f"{model}: tag {tag!r} has no value"
    for name in _SINGLE:
        values = [value for found, value in pairs(model) if found == name]
        if len(set(values)) > 1:
            yield f"{model}: several tags {PREFIX}{name}:..., the first one counts: {values[0]!r}"


def _parsed(model: Model) -> Iterator[tuple[str, str, str]]:
    """Yield each property tag with its name and its value; the value may be empty."""
    for tag in model.tags:
        if tag.startswith(PREFIX):
            name, _, value = tag.removeprefix(PREFIX).partition(":")
            yield tag, name, value
