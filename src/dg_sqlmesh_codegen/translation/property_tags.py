"""SQLMesh tags `dagster:property:value`: they set a property of the asset and are not its tags."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.types import minutes
from dg_sqlmesh_codegen.repeatable_kinds import REPEATABLE_KINDS
from dg_sqlmesh_codegen.sqlmesh_project.records import Model

PREFIX = "dagster:"
NO_FRESHNESS = "none"
RUN_ON_UPSTREAM = "run_on_upstream"
_BOOLEANS = {"true": True, "false": False}
# Methods of `dg.AutomationCondition` that need no arguments.
AUTOMATION = ("eager", "on_missing")


@dataclass(frozen=True, slots=True)
class _Property:
    """A property that a tag can set.

    Args:
        what: what a warning calls it.
        change: makes of its value one that Dagster accepts.
        is_valid: whether a value counts; `wanted` are those that do, in words.
        single: whether an asset has one value of it.
    """

    what: str
    change: Callable[[str], str] = str
    is_valid: Callable[[str], bool] = bool
    wanted: str = ""
    single: bool = True


def _parts(text: str) -> dagster_names.AssetKey:
    return tuple(dagster_names.key_part(part.strip()) for part in text.split("/") if part.strip())


_PROPERTIES = {
    "group_name": _Property("group", dagster_names.group_name),
    "owner": _Property("owner", dagster_names.owner, single=False),
    "kind": _Property("kind", dagster_names.kind, single=False),
    "description": _Property("description"),
    "freshness": _Property(
        "freshness",
        is_valid=lambda text: text == NO_FRESHNESS or minutes(text) > 0,
        wanted=f"{NO_FRESHNESS}, 90m, 36h or 2d",
    ),
    "automation": _Property(
        "automation condition", is_valid=AUTOMATION.__contains__, wanted=" or ".join(AUTOMATION)
    ),
    "asset_key": _Property("asset key", lambda text: "/".join(_parts(text))),
    RUN_ON_UPSTREAM: _Property(
        RUN_ON_UPSTREAM, is_valid=_BOOLEANS.__contains__, wanted=" or ".join(_BOOLEANS)
    ),
}
KNOWN = tuple(_PROPERTIES)


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
    """Read a model's tags. If a property can have only one value, the first valid one counts."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in _pairs(model):
        found[name].append(_PROPERTIES[name].change(value))
    first = {name: values[0] for name, values in found.items()}
    return Properties(
        group_name=first.get("group_name"),
        owners=tuple(found["owner"]),
        kinds=tuple(found["kind"]),
        description=first.get("description"),
        freshness=first.get("freshness"),
        automation=first.get("automation"),
        run_on_upstream=_BOOLEANS.get(first.get(RUN_ON_UPSTREAM, "")),
        asset_key=_parts(first.get("asset_key", "")),
    )


def _pairs(model: Model) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each tag that sets a known property."""
    for _, name, value in _parsed(model):
        if name in KNOWN and value.strip() and _PROPERTIES[name].is_valid(value):
            yield name, value


def changed(model: Model) -> Iterator[tuple[str, str, str]]:
    """Yield what a property is called, its value, and the one that Dagster accepts."""
    for name, value in _pairs(model):
        found = _PROPERTIES[name]
        yield found.what, value, found.change(value)


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
        elif not _PROPERTIES[name].is_valid(value):
            yield f"{model}: tag {tag!r} is not used. Its value is {_PROPERTIES[name].wanted}."
    for name in (each for each in KNOWN if _PROPERTIES[each].single):
        values = [value for found, value in _pairs(model) if found == name]
        if len(set(values)) > 1:
            yield f"{model}: several tags {PREFIX}{name}:..., the first one counts: {values[0]!r}"
    why = never_on_upstream(model)
    if why and of(model).run_on_upstream:
        tag = f"{PREFIX}{RUN_ON_UPSTREAM}"
        yield f"{model}: the tag {tag} is not used, because the model {why}"


def never_on_upstream(model: Model) -> str | None:
    """Return why a model never runs when data lands upstream; None if it can."""
    if model.kind not in REPEATABLE_KINDS:
        return f"is {model.kind}"
    return "reads itself" if model.fqn in model.depends_on else None


def _parsed(model: Model) -> Iterator[tuple[str, str, str]]:
    """Yield each property tag with its name and its value; the value may be empty."""
    for tag in model.tags:
        if tag.startswith(PREFIX):
            name, colon, value = tag.removeprefix(PREFIX).partition(":")
            # The one property that needs no value.
            yield tag, name, "true" if name == RUN_ON_UPSTREAM and not colon else value
