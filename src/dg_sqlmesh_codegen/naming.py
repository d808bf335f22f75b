"""Names: asset keys, Python modules, checks. Two things that would get one name are an error.

Dagster's rules are those of its definitions, tried on 1.13: an asset key's parts become the name
of an op output, which holds `[A-Za-z0-9_]` after `-` and `.` were turned into `_`; group names are
`[A-Za-z0-9_]+`; tag keys and values `[A-Za-z0-9_.-]` with at most 63 characters; owners are an
e-mail address or `team:name`.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from .errors import ProjectError
from .project import Audit, TableName

EXECUTION_STATUS_CHECK = "sqlmesh_execution_status"

_KEY_PART = re.compile(r"[^A-Za-z0-9_.-]")
_GROUP = re.compile(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")
_TAG = re.compile(r"[^A-Za-z0-9_.-]")
# Dagster's own idea of an address; whatever else looks like one has to become a team.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_MAX_TAG = 63
# File systems take 255 bytes; `.py` and a temporary suffix have to fit in, too.
_MAX_FILE_NAME = 160
_MAX_CHECK_ARGUMENTS = 48


class Code(str):
    """Text that is Python already; only its subclasses are made, each valid by construction."""


class Identifier(Code):
    """A Python identifier that is not a keyword."""

    def __new__(cls, text: str) -> Identifier:
        """Return `text` with `_` for what an identifier cannot hold."""
        name = _IDENTIFIER.sub("_", text)
        if not name or name[0].isdigit():
            name = f"_{name}"
        if keyword.iskeyword(name):
            name = f"{name}_"
        return super().__new__(cls, name)


class ModuleName(Code):
    """A dotted module name."""

    def __new__(cls, parts: Iterable[Identifier]) -> ModuleName:
        """Return the identifiers joined by dots."""
        return super().__new__(cls, ".".join(parts))


def asset_key(table: TableName) -> tuple[str, ...]:
    """Return the default key of a model or external table: `[catalog, schema, name]`."""
    return tuple(map(key_part, table.parts))


def key_part(text: str) -> str:
    """Return a part of an asset key that Dagster takes: other characters become `_`."""
    return _KEY_PART.sub("_", text)


def is_key_part(text: str) -> bool:
    """Tell whether Dagster takes the text as a part of an asset key."""
    return bool(text) and key_part(text) == text


def module_path(table: TableName) -> tuple[Identifier, ...]:
    """Return the module of a model below `models`: folder names, then the file's.

    A part that is longer than a file name may be keeps its beginning and gets a digest.
    """
    return tuple(Identifier(_shortened(part)) for part in table.parts)


def _shortened(part: str) -> str:
    if len(part) <= _MAX_FILE_NAME:
        return part
    return f"{part[:_MAX_FILE_NAME]}_{hashlib.sha256(repr(part).encode()).hexdigest()[:8]}"


def refuse_collisions(what: str, named: Iterable[tuple[str, str]]) -> None:
    """Raise if two models get one name.

    Args:
        what: what the names are, for the message ("asset key", "module").
        named: pairs of name and the model that gets it.

    Raises:
        ProjectError: naming the first two models that collide. Names that differ by case only
            collide too: on a case-insensitive file system their files are one.
    """
    owners: dict[str, str] = {}
    for name, model in named:
        other = owners.setdefault(name.lower(), model)
        if other != model:
            raise ProjectError(
                f"models {other} and {model} get the same {what} {name}",
                hint="Rename one of them in the SQLMesh project.",
            )


def group_name(text: str) -> str:
    """Return a group name Dagster takes: other characters become `_`.

    Dagster parts nested groups by slashes, since 1.13.
    """
    return text if is_group_name(text) else _IDENTIFIER.sub("_", text)


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


def check_names(audits: Sequence[Audit]) -> tuple[str, ...]:
    """Return a name for each audit of one model, stable as long as the audit's use is.

    An audit used once keeps its name; one used several times is told apart by its arguments:
    `not_null` on two columns becomes `not_null__order_id` and `not_null__customer_id`.
    """
    uses = Counter(_plain(audit) for audit in audits)
    names = [
        _plain(audit) if uses[_plain(audit)] == 1 else _with_arguments(audit) for audit in audits
    ]
    taken = Counter([*names, EXECUTION_STATUS_CHECK])
    return tuple(
        name if taken[name] == 1 else f"{name}_{_digest(audit)}"
        for name, audit in zip(names, audits, strict=True)
    )


def _plain(audit: Audit) -> str:
    return _IDENTIFIER.sub("_", audit.name)


def _with_arguments(audit: Audit) -> str:
    text = "_".join(value for _, value in audit.args)
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    if len(words) > _MAX_CHECK_ARGUMENTS:
        words = f"{words[:_MAX_CHECK_ARGUMENTS].rstrip('_')}_{_digest(audit)}"
    return f"{_plain(audit)}__{words}" if words else _plain(audit)


def _digest(audit: Audit) -> str:
    text = repr((audit.name, audit.args, audit.standalone))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
