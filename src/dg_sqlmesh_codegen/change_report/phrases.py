"""Single changes -> short phrases in Markdown, with every name and value in a code span."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dg_sqlmesh_codegen.dagster_names import AssetKey

from . import model
from .escape import code, codes, listed

_MAX_VALUE = 60
_WORD = re.compile(r"[a-z]+([_ ][a-z]+)*")
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
    model.Cause.UNSEEN: "same query; a statement around it or a property may have changed",
}
_BLOCKING = {
    True: "**now blocks**",
    False: "**no longer blocks**",
    None: "no longer states whether it blocks",
}
# Properties that follow from others: the report leaves them out if one of those changed.
_DERIVED = {"kinds": {"sqlmesh/kind", "sqlmesh/dialect"}, "sqlmesh/tags": {"tags", "group_name"}}


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
        parts.append(f"audited by {codes([audit.check for audit in each.audits])}")
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
    return _CAUSES[each.cause]


def audit(each: model.AuditChange) -> str:
    """Describe the change of an audit."""
    if each.old and each.new:
        return f"{_use(each.new)}: {'; '.join(_audit_differences(each.old, each.new))}"
    if each.new:
        states = {True: ", blocking", False: ", non-blocking", None: ""}
        blocking = None if each.new.standalone else each.new.blocking
        return f"{_use(each.new)} added{states[blocking]}"
    return f"{_use(each.old)} removed" if each.old else ""


def _use(each: model.ParsedAudit) -> str:
    return code(f"{each.name}({_arguments(each)})" if each.args else each.name)


def _arguments(each: model.ParsedAudit) -> str:
    return ", ".join(f"{name} := {value}" for name, value in each.args)


def _audit_differences(old: model.ParsedAudit, new: model.ParsedAudit) -> Iterator[str]:
    if old.name != new.name:
        yield f"was {code(old.name)}"
    if old.args != new.args:
        yield f"arguments were {code(_arguments(old)) if old.args else 'none'}"
    if old.blocking != new.blocking:
        yield _BLOCKING[new.blocking]
    if old.query != new.query:
        yield "query changed"
    if old.standalone != new.standalone:
        yield "now standalone" if new.standalone else "no longer standalone"
    if old.also_reads != new.also_reads:
        yield f"also reads {codes([user_string(each) for each in new.also_reads]) or 'nothing'}"
    if old.check != new.check:
        yield f"check {code(old.check)} is now {code(new.check)}, with a new history"


def column(each: model.ColumnChange) -> str:
    """Describe the change of a column."""
    if each.new is None:
        return f"{code(each.name)} removed"
    if each.old is None:
        return f"{code(f'{each.name} {each.new.type}')} added"
    if model.is_description(each):
        return f"description of {code(each.name)}"
    return f"{code(each.name)} from {code(each.old.type)} to {code(each.new.type)}"


def metadata(each: model.AssetChange) -> list[str]:
    """Describe the changed properties, sorted by name, and the columns' changed descriptions."""
    changes = {change.name: change for change in each.properties}
    left_out = {name for name, others in _DERIVED.items() if others & changes.keys()}
    if each.old.key != each.new.key:
        left_out.add("dagster/table_name")
    texts = [property_change(change) for name, change in changes.items() if name not in left_out]
    return texts + [column(change) for change in each.columns if model.is_description(change)]


def property_change(each: model.PropertyChange) -> str:
    """Return the old and the new value, or the members that were added and removed."""
    name = property_name(each.name)
    if len(each.old) <= 1 and len(each.new) <= 1:
        return f"{name} {_value(each.old)} → {_value(each.new)}"
    added = codes([value for value in each.new if value not in each.old])
    removed = codes([value for value in each.old if value not in each.new])
    if not added and not removed:
        return f"{name} in another order"
    parts = [f"added {added}"] if added else []
    parts += [f"removed {removed}"] if removed else []
    return f"{name}: {', '.join(parts)}"


def _value(values: tuple[str, ...]) -> str:
    return code(values[0], _MAX_VALUE) if values else "none"


def property_name(name: str) -> str:
    """Return a property's name in plain words."""
    short = name.removeprefix("sqlmesh/").removeprefix("dagster/").replace("_", " ")
    return _NAMES.get(name) or (short if _WORD.fullmatch(short) else code(name))


def schedule(each: model.ScheduleChange) -> str:
    """Describe when a schedule ticked and when it ticks now."""
    if each.old and each.new:
        return f"{code(each.name)}: {_ticks(each.old)} → {_ticks(each.new)}"
    if each.new:
        return f"{code(each.name)} added: {_ticks(each.new)}"
    return f"{code(each.name)} removed: {_ticks(each.old)}" if each.old else ""


def _ticks(each: model.ParsedSchedule) -> str:
    return f"{codes(each.crons) or 'never'} ({code(each.timezone)})"
