"""A summary -> JSON, for machines.

The structure is public, and `format` is its version: it rises when something is removed or means
something else, not when something is added. Keys of assets are lists of text. Lists are sorted,
and values that are not there are null.

    format      1
    changed     whether anything in the graph did
    assets      added, removed: [asset]
                renamed: [{old: key, new: key, reason}]
                changed: [{key, old_key, code_version: null | {old, new, cause, directly, names},
                           columns: [{old: null | column, new: null | column}],
                           audits: [{old: null | audit, new: null | audit}],
                           properties: [{name, old: [text], new: [text]}]}]
    edges       added, removed: [{upstream: key, downstream: key}]; renamed assets by their new key
    schedules   [{old: null | schedule, new: null | schedule}]
    settings    [{name, old: [text], new: [text]}] of definitions.py
    notes       [{path, side: old | new, reason}], files that were not compared

    asset       {key, fqn, path, code_version, deps: [key], query, columns: [column],
                 audits: [audit], properties: [{name, values: [text]}],
                 external: whether it is an external table and not a model}
    column      {name, type, description}
    audit       {name, args: {name: text}, check, blocking, standalone, query, also_reads: [key]}
    schedule    {name, crons: [text], timezone}
    reason      same_model | same_query | same_code | same_name
    cause       query | definition | python | seed: directly; macro | unseen: not
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath

from .changes import AssetChange, Rename, Summary
from .model import Audit

FORMAT = 1

_Json = None | bool | int | str | list["_Json"] | dict[str, "_Json"]


def to_json(summary: Summary) -> str:
    """Return the summary as JSON in ASCII, indented, with a line break at its end."""
    document: _Json = {
        "format": FORMAT,
        "changed": not summary.is_empty,
        "assets": {
            "added": _plain(summary.added),
            "removed": _plain(summary.removed),
            "renamed": [_rename(each) for each in summary.renamed],
            "changed": [_change(each) for each in summary.changed],
        },
        "edges": {
            "added": _plain(summary.edges_added),
            "removed": _plain(summary.edges_removed),
        },
        "schedules": _plain(summary.schedules),
        "settings": _plain(summary.settings),
        "notes": _plain(summary.notes),
    }
    return json.dumps(document, indent=2) + "\n"


def _rename(rename: Rename) -> _Json:
    return {
        "old": _plain(rename.old.key),
        "new": _plain(rename.new.key),
        "reason": rename.reason.name.lower(),
    }


def _change(change: AssetChange) -> _Json:
    code = change.code
    return {
        "key": _plain(change.new.key),
        "old_key": _plain(change.old.key),
        "code_version": {**_fields(code), "directly": code.cause.directly} if code else None,
        "columns": _plain(change.columns),
        "audits": _plain(change.audits),
        "properties": _plain(change.properties),
    }


def _plain(value: object) -> _Json:
    """Turn records into what JSON has: a record's fields are its keys."""
    match value:
        case Audit():
            return {**_fields(value), "args": dict(value.args)}
        case Enum():
            return str(value.value)
        case None | bool() | int() | str():
            return value
        case PurePath():
            return value.as_posix()
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return _fields(value)


def _fields(record: object) -> dict[str, _Json]:
    assert is_dataclass(record)  # noqa: S101 - for mypy: there is nothing else in a summary
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}
