"""Single changes -> short phrases in Markdown, with every name and value in a code span."""

from __future__ import annotations

import re

from dg_sqlmesh_codegen.dagster_names import AssetKey

from . import model
from .escape import code, codes, listed

_MAX_VALUE = 60
_WORD = re.compile(r"[a-z]+([_ ][a-z]+)*")
# The properties that `reader` names after a column.
_OF_COLUMN = re.compile(r"(columns that |description of )(.+?)( is made from|)", re.DOTALL)
_NAMES = {
    "group_name": "group",
    "sqlmesh/materialized": "materialized view",
    "dg_sqlmesh_codegen/version": "version of dg-sqlmesh-codegen",
    "sqlmesh/version": "version of SQLMesh",
}
_REASONS = {
    model.RenameReason.SAME_MODEL: "same SQLMesh model under another asset key",
    model.RenameReason.SAME_CODE: "same code under another name",
    model.RenameReason.SAME_QUERY: "same SQL under another name",
    model.RenameReason.SAME_NAME: "same name in another schema or catalog",
}
_CAUSES = {
    model.Cause.QUERY: "query",
    model.Cause.PYTHON: "Python code or its imports",
    model.Cause.SEED: "data or the way it is read",
    model.Cause.UPGRADE: "same code, as far as the package shows",
    model.Cause.UNSEEN: "same query; a statement around it or a property may have changed",
}
# Properties that follow from others: the report leaves them out if one of those changed.
_DERIVED = {"kinds": {"sqlmesh/kind", "sqlmesh/dialect"}}


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural if needed."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def user_string(key: AssetKey) -> str:
    """Return an asset key as the Dagster UI shows it: its parts separated by `/`."""
    return "/".join(key)


def key(asset_key: AssetKey) -> str:
    """Return an asset key in a code span."""
    return code(user_string(asset_key))


def asset(each: model.ParsedAsset) -> str:
    """Describe an added or removed asset."""
    if each.external:
        return f"{key(each.key)}: external table"
    kind, group = each.value("sqlmesh/kind"), each.value("group_name")
    parts = [f"{code(kind)} model" if kind else "model"]
    if group:
        parts[0] += f" in group {code(group)}"
    if each.deps:
        parts.append(f"reads {codes([user_string(dep) for dep in each.deps])}")
    if each.audits:
        parts.append(f"audited by {codes([*each.audits])}")
    return f"{key(each.key)}: {'; '.join(parts)}"


def rename(each: model.Rename) -> str:
    """Describe a rename, with the reason to believe that it is one."""
    return f"{key(each.old.key)} is now {key(each.new.key)}: {_REASONS[each.reason]}"


def cause(each: model.CodeChange) -> str:
    """Explain why a code version changed."""
    if each.cause is model.Cause.DEFINITION:
        return listed([property_name(name) for name in each.names], len(each.names))
    if each.cause is model.Cause.MACRO:
        return f"same query; it uses {codes(each.names)}"
    if each.cause is model.Cause.UNSEEN and each.names:
        return "the query is not in both packages; add `query` to `metadata_keys`"
    return _CAUSES[each.cause]


def upgrade(summary: model.Summary) -> str:
    """Name the upgrade of SQLMesh that changed code versions."""
    codes_ = (each.code for each in summary.changed if each.code)
    names = next((each.names for each in codes_ if each.cause is model.Cause.UPGRADE), ())
    return f"by an upgrade of SQLMesh ({' → '.join(map(code, names))})"


def item(each: model.Change, shown: int | None = 1) -> str:
    """Describe a column, an audit or a schedule; of a new one, the first `shown` values."""
    if not each.old:
        return f"{code(each.name)} added: {codes(each.new[:shown])}"
    if not each.new:
        return f"{code(each.name)} removed"
    return f"{code(each.name)}: {_difference(each)}"


def metadata(each: model.AssetChange) -> list[str]:
    """Describe the changed properties, sorted by name."""
    changes = {change.name: change for change in each.properties}
    left_out = {name for name, others in _DERIVED.items() if others & changes.keys()}
    if each.old.key != each.new.key:
        left_out.add("dagster/table_name")
    return [property_change(change) for name, change in changes.items() if name not in left_out]


def property_change(each: model.Change) -> str:
    """Describe a property that was added, removed or changed."""
    return f"{property_name(each.name)}: {_difference(each)}"


def _difference(each: model.Change) -> str:
    """Return the old and the new value, or the members that were added and removed."""
    if len(each.old) <= 1 and len(each.new) <= 1:
        return f"{_value(each.old)} → {_value(each.new)}"
    added = codes([value for value in each.new if value not in each.old])
    removed = codes([value for value in each.old if value not in each.new])
    if not added and not removed:
        return "in another order"
    if added and removed:
        return f"{removed} → {added}"
    return f"added {added}" if added else f"removed {removed}"


def _value(values: tuple[str, ...]) -> str:
    return code(values[0], _MAX_VALUE) if values else "none"


def property_name(name: str) -> str:
    """Return a property's name in plain words, and the name of a column in a code span."""
    if column := _OF_COLUMN.fullmatch(name):
        return f"{column[1]}{code(column[2])}{column[3]}"
    short = name.removeprefix("sqlmesh/").removeprefix("dagster/").replace("_", " ")
    return _NAMES.get(name) or (short if _WORD.fullmatch(short) else code(name))
