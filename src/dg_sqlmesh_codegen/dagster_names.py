"""What Dagster accepts as a name, and the nearest name that it accepts.

The rules are those of Dagster's definitions, tried on 1.11.4, 1.12.0 and 1.13.29: an asset key's
parts become the name of an op output, which holds `[A-Za-z0-9_]` after `-` and `.` were turned into
`_`; group names are
`[A-Za-z0-9_]+`; tag keys and values `[A-Za-z0-9_.-]` with at most 63 characters; owners are an
e-mail address or `team:name`.
"""

from __future__ import annotations

import re

AssetKey = tuple[str, ...]

_KEY_PART = re.compile(r"[^A-Za-z0-9_.-]")
_GROUP = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*")
_NOT_IN_GROUP = re.compile(r"[^A-Za-z0-9_]")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_TAG = re.compile(r"[^A-Za-z0-9_.-]")
# Dagster's own pattern of an address; whatever else looks like one becomes a team.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_MAX_TAG = 63


def key_part(text: str) -> str:
    """Return a part of an asset key that Dagster takes: other characters become `_`."""
    return _KEY_PART.sub("_", text)


def is_key_part(text: str) -> bool:
    """Tell whether Dagster takes the text as a part of an asset key."""
    return bool(text) and key_part(text) == text


def group_name(text: str) -> str:
    """Return a group name Dagster takes: other characters become `_`.

    Dagster parts nested groups by slashes, since 1.13.16; for an older one the runtime writes `_`.
    """
    return text if is_group_name(text) else _NOT_IN_GROUP.sub("_", text)


def is_group_name(text: str) -> bool:
    """Tell whether Dagster takes the text as a group's name."""
    return bool(_GROUP.fullmatch(text))


def tag(text: str) -> str:
    """Return a tag key or value Dagster takes: other characters become `_`, 63 at most."""
    return _TAG.sub("_", text)[:_MAX_TAG]


def is_tag(key: str, value: str) -> bool:
    """Tell whether Dagster takes key and value as a tag."""
    return bool(_TAG_KEY.fullmatch(key) and _TAG_VALUE.fullmatch(value))


def kind(text: str) -> str:
    """Return a kind Dagster takes (it makes a tag's key of it); `_` for an empty one."""
    return tag(text) or "_"


def owner(text: str) -> str:
    """Return an e-mail address as it is and everything else as a team."""
    is_team = text.startswith("team:") and text != "team:"
    return text if is_team or _EMAIL.fullmatch(text) else f"team:{text}"
