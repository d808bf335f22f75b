"""A summary -> JSON, for programs. `README.md` beside this module documents the structure."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum

from .model import AssetChange, CodeChange, ParsedAudit, Rename, Summary

# The version of the structure. It rises when something is removed or changes its meaning.
FORMAT = 1


def to_json(summary: Summary) -> str:
    """Return the summary as indented JSON in ASCII, with a line break at the end."""
    document = {
        "format": FORMAT,
        "changed": not summary.is_empty,
        "assets": {
            "added": summary.added,
            "removed": summary.removed,
            "renamed": summary.renamed,
            "changed": summary.changed,
        },
        "edges": {"added": summary.edges_added, "removed": summary.edges_removed},
        "schedules": summary.schedules,
        "settings": summary.settings,
        "notes": summary.notes,
    }
    return json.dumps(document, indent=2, default=_plain) + "\n"


def _plain(value: object) -> object:
    """Return what JSON has for a record, an enum or a path: `json` calls it for each of them."""
    if not is_dataclass(value):
        return value.value if isinstance(value, Enum) else str(value)
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    match value:
        case Rename():
            return found | {"old": value.old.key, "new": value.new.key}
        case AssetChange():
            del found["old"], found["new"]
            code = found.pop("code")
            return {"key": value.new.key, "old_key": value.old.key, "code_version": code} | found
        case CodeChange():
            return found | {"directly": value.cause.directly}
        case ParsedAudit():
            return found | {"args": dict(value.args)}
    return found
