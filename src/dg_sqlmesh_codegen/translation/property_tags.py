"""SQLMesh tags `dagster:property:value`: they set a property of the asset and are not its tags."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.types import minutes
from dg_sqlmesh_codegen.sqlmesh_project.records import Model

PREFIX = "dagster:"
NO_FRESHNESS = "none"
RUN_ON_UPSTREAM = "run_on_upstream"
_BOOLEANS = {"true": True, "false": False}
# Methods of `dg.AutomationCondition` that need no arguments.
AUTOMATION = ("eager", "on_missing")
# What each property is called in a warning, and how its value is changed to one Dagster accepts.
_PROPERTIES: dict[str, tuple[str, Callable[[str], str]]] = {
    "group_name": ("group", dagster_names.group_name),
    "owner": ("owner", dagster_names.owner),
    "kind": ("kind", dagster_names.kind),
    "description": ("description", str),
    "freshness": ("freshness", str),
    "automation": ("automation condition", str),
    RUN_ON_UPSTREAM: ("run_on_upstream", str),
    "asset_key": ("asset key", lambda text: "/".join(_parts(text))),
}
KNOWN = tuple(_PROPERTIES)
_SINGLE = (
    *("group_name", "description", "freshness", "automation", "asset_key"),
    RUN_ON_UPSTREAM,
)


@dataclass(frozen=True, slots=True)
class Properties:
    """The asset properties in a model's tags; None or an empty tuple means that no tag sets one.

    `owners` and `kinds` are added to the model's own; the others replace what it would have.
    """

    group_name: str | None = None
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    description: str | None = None
    freshness: str | None = None
    automation: str | None = None
    run_on_upstream: bool | None = None
    asset_key: dagster_names.AssetKey = ()


def of(model: Model) -> Properties:
    """Read a model's tags. If a property can have only one value, the first one counts."""
    found = [(name, _PROPERTIES[name][1](value)) for name, value in _pairs(model)]
    first = dict(reversed(found))
    return Properties(
        group_name=first.get("group_name"),
        owners=tuple(value for name, value in found if name == "owner"),
        kinds=tuple(value for name, value in found if name == "kind"),
        description=first.get("description"),
        freshness=next((value for name, value in found if _is_freshness(name, value)), None),
        automation=next((value for name, value in found if _is_automation(name, value)), None),
        run_on_upstream=_BOOLEANS.get(first.get(RUN_ON_UPSTREAM, "")),
        asset_key=_parts(first.get("asset_key", "")),
    )


def _parts(text: str) -> dagster_names.AssetKey:
    return tuple(dagster_names.key_part(part.strip()) for part in text.split("/") if part.strip())


def _is_freshness(name: str, value: str) -> bool:
    return name == "freshness" and (value == NO_FRESHNESS or minutes(value) > 0)


def _is_automation(name: str, value: str) -> bool:
    return name == "automation" and value in AUTOMATION


def _pairs(model: Model) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each tag that sets a known property."""
    for _, name, value in _parsed(model):
        if name in KNOWN and value.strip():
            yield name, value


def changed(model: Model) -> Iterator[tuple[str, str, str]]:
    """Yield what a property is called, its value, and the one that Dagster accepts."""
    for name, value in _pairs(model):
        what, change = _PROPERTIES[name]
        yield what, value, change(value)


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
        elif name == "freshness" and not _is_freshness(name, value):
            yield f"{model}: tag {tag!r} is not used. Its value is {NO_FRESHNESS}, 90m, 36h or 2d."
        elif name == "automation" and not _is_automation(name, value):
            yield f"{model}: tag {tag!r} is not used. Its value is {' or '.join(AUTOMATION)}."
        elif name == RUN_ON_UPSTREAM and value not in _BOOLEANS:
            yield f"{model}: tag {tag!r} is not used. Its value is {' or '.join(_BOOLEANS)}."
    for name in _SINGLE:
        values = [value for found, value in _pairs(model) if found == name]
        if len(set(values)) > 1:
            yield f"{model}: several tags {PREFIX}{name}:..., the first one counts: {values[0]!r}"


def _parsed(model: Model) -> Iterator[tuple[str, str, str]]:
    """Yield each property tag with its name and its value; the value may be empty."""
    for tag in model.tags:
        if tag.startswith(PREFIX):
            name, colon, value = tag.removeprefix(PREFIX).partition(":")
            # The one property that needs no value.
            yield tag, name, "true" if name == RUN_ON_UPSTREAM and not colon else value
