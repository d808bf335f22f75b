"""Single changes -> half-sentences of Markdown, every name and value in a code span."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .changes import (
    AssetChange,
    AuditChange,
    Cause,
    CodeChange,
    ColumnChange,
    PropertyChange,
    Rename,
    ScheduleChange,
)
from .escape import code, codes, listed
from .model import Asset, Audit, Key, Schedule, user_string

_MAX_VALUE = 60
_WORD = re.compile(r"[a-z]+([_ ][a-z]+)*")
_NAMES = {
    "group_name": "group",
    "sqlmesh/materialized": "materialized view",
    "dg_sqlmesh_codegen/version": "version of dg-sqlmesh-codegen",
    "sqlmesh/version": "version of SQLMesh",
}


def key(asset_key: Key) -> str:
    """Return an asset's key."""
    return code(user_string(asset_key))


def asset(each: Asset) -> str:
    """Say what an added or removed asset is."""
    if each.external:
        return f"{key(each.key)}: external table"
    parts = [f"{code(each.kind)} model" if each.kind else "model"]
    if each.group:
        parts[0] += f" in group {code(each.group)}"
    if each.deps:
        parts.append(f"reads {codes([user_string(dep) for dep in each.deps])}")
    if each.audits:
        parts.append(f"audited by {codes([audit.check for audit in each.audits])}")
    return f"{key(each.key)}: {'; '.join(parts)}"


def rename(each: Rename) -> str:
    """Say both keys, and how one knows."""
    return f"{key(each.old.key)} is now {key(each.new.key)}: {each.reason.value}"


def cause(each: CodeChange) -> str:
    """Say why a code version changed, as far as one can tell."""
    if each.cause is Cause.DEFINITION:
        return f"its {listed([property_name(name) for name in each.names], len(each.names))}"
    if each.cause is Cause.MACRO:
        return f"its query is the same, and calls {codes(each.names)}"
    return _CAUSES[each.cause]


_CAUSES = {
    Cause.QUERY: "its query",
    Cause.PYTHON: "its Python code, or what that imports",
    Cause.SEED: "its data, or how that is read",
    Cause.UNSEEN: "its query is the same; a statement before or after it may not be, or a property",
}


def audit(each: AuditChange) -> str:
    """Say what became of an audit."""
    if each.old is None and each.new is not None:
        return f"{_use(each.new)} is new{_blocks(each.new)}"
    if each.new is None and each.old is not None:
        return f"{_use(each.old)} is gone"
    if each.old is not None and each.new is not None:
        return f"{_use(each.new)}: {'; '.join(_audit_differences(each.old, each.new))}"
    return ""


def _use(each: Audit) -> str:
    arguments = ", ".join(f"{name} := {value}" for name, value in each.args)
    return code(f"{each.name}({arguments})" if arguments else each.name)


def _blocks(each: Audit) -> str:
    if each.standalone or each.blocking is None:
        return ""
    return ", blocking" if each.blocking else ", non-blocking"


def _audit_differences(old: Audit, new: Audit) -> Iterator[str]:
    if old.name != new.name:
        yield f"was {code(old.name)}"
    if old.args != new.args:
        yield f"its arguments were {_arguments(old)}"
    if old.blocking != new.blocking:
        yield _BLOCKING[new.blocking]
    if old.query != new.query:
        yield "its query changed"
    if old.standalone != new.standalone:
        yield "it is now standalone" if new.standalone else "it is no longer standalone"
    if old.also_reads != new.also_reads:
        yield f"it also reads {codes([user_string(each) for each in new.also_reads]) or 'nothing'}"
    if old.check != new.check:
        yield f"its check {code(old.check)} is now {code(new.check)}, without the other's history"


_BLOCKING = {
    True: "**now blocks**",
    False: "**no longer blocks**",
    None: "does not say whether it blocks",
}


def _arguments(each: Audit) -> str:
    return (
        code(", ".join(f"{name} := {value}" for name, value in each.args)) if each.args else "none"
    )


def column(each: ColumnChange) -> str:
    """Say what became of a column."""
    if each.old is None and each.new is not None:
        return f"{code(f'{each.name} {each.new.type}')} is new"
    if each.new is None:
        return f"{code(each.name)} is gone"
    if each.old is None or each.is_description:
        return f"description of {code(each.name)}"
    return f"{code(each.name)} was {code(each.old.type)}, is {code(each.new.type)}"


def metadata(each: AssetChange) -> list[str]:
    """Say what else differs: in the order of the properties' names, the columns' texts last."""
    changes = {change.name: change for change in each.properties}
    for name, others in _SAID_BY.items():
        if any(other in changes for other in others):
            changes.pop(name, None)
    if each.old.key != each.new.key:
        changes.pop("dagster/table_name", None)
    texts = [property_change(change) for change in changes.values()]
    return texts + [column(change) for change in each.columns if change.is_description]


# Properties that follow from others: one is enough to say.
_SAID_BY = {
    "kinds": ("sqlmesh/kind", "sqlmesh/dialect"),
    "sqlmesh/tags": ("tags", "group_name"),
}


def property_change(each: PropertyChange) -> str:
    """Say the old and the new value, or the members that came and went."""
    name = property_name(each.name)
    if len(each.old) <= 1 and len(each.new) <= 1:
        return f"{name} {_values(each.old)} → {_values(each.new)}"
    if not each.added and not each.removed:
        return f"{name} in another order"
    parts = [f"added {codes(each.added)}"] if each.added else []
    parts += [f"removed {codes(each.removed)}"] if each.removed else []
    return f"{name}: {', '.join(parts)}"


def _values(values: tuple[str, ...]) -> str:
    return ", ".join(code(value, _MAX_VALUE) for value in values) or "none"


def property_name(name: str) -> str:
    """Return what a person calls a property."""
    short = name.removeprefix("sqlmesh/").removeprefix("dagster/").replace("_", " ")
    return _NAMES.get(name) or (short if _WORD.fullmatch(short) else code(name))


def schedule(each: ScheduleChange) -> str:
    """Say when a schedule ticked, and when it does now."""
    if each.old is None or each.new is None:
        present, word = (each.new, "is new") if each.old is None else (each.old, "is gone")
        return f"{code(each.name)} {word}: {_ticks(present)}" if present else ""
    return f"{code(each.name)}: {_ticks(each.old)} → {_ticks(each.new)}"


def _ticks(each: Schedule) -> str:
    return f"{codes(each.crons) or 'never'} ({code(each.timezone)})"
