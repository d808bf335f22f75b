"""SQLMesh tags `dagster:property:value`: they configure the asset and are no tags of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.sqlmesh_project.records import Model

PREFIX = "dagster:"
KNOWN = ("group_name", "owner", "kind", "description", "asset_key")


@dataclass(frozen=True, slots=True)
class Properties:
    """What a model's tags say of its asset; None and empty is nothing.

    `owners` and `kinds` come on top of the model's own, the others replace what it would have.
    """

    group_name: str | None = None
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    description: str | None = None
    asset_key: tuple[str, ...] = ()


def of(model: Model) -> Properties:
    """Read a model's tags; where a property can have one value only, the first one counts."""
    found = [*_pairs(model)]
    return Properties(
        group_name=dagster_names.group_name(_first(found, "group_name") or "") or None,
        owners=tuple(dagster_names.owner(value) for name, value in found if name == "owner"),
        kinds=tuple(dagster_names.kind(value) for name, value in found if name == "kind"),
        description=_first(found, "description"),
        asset_key=key(_first(found, "asset_key") or ""),
    )


def key(text: str) -> tuple[str, ...]:
    """Return the asset key that a tag's `a/b/c` stands for; empty for a text without parts."""
    return tuple(dagster_names.key_part(part.strip()) for part in text.split("/") if part.strip())


def notes(model: Model) -> Iterator[str]:
    """Yield what is wrong with a model's property tags, in words for the summary."""
    for tag in model.tags:
        if not tag.startswith(PREFIX):
            continue
        name, _, value = tag.removeprefix(PREFIX).partition(":")
        if name not in KNOWN:
            close = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0)
            yield f"{model}: unknown property in tag {tag!r}. Did you mean {PREFIX}{close[0]}:...?"
        elif not value.strip():
            yield f"{model}: tag {tag!r} names no value"
    for name in ("group_name", "description", "asset_key"):
        values = [value for found, value in _pairs(model) if found == name]
        if len(set(values)) > 1:
            yield f"{model}: several tags {PREFIX}{name}:..., the first one counts: {values[0]!r}"


def _pairs(model: Model) -> Iterator[tuple[str, str]]:
    for tag in model.tags:
        if tag.startswith(PREFIX):
            name, _, value = tag.removeprefix(PREFIX).partition(":")
            if name in KNOWN and value.strip():
                yield name, value


def _first(found: list[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in found if key == name), None)
