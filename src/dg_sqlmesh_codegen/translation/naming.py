"""The names of asset keys, modules and checks. Two models with the same name are an error."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.sqlmesh_project.records import Audit, TableName

EXECUTION_STATUS_CHECK = "sqlmesh_execution_status"

_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")
# File systems accept 255 bytes, with `.py` and the suffix of a temporary file.
_MAX_FILE_NAME = 160
_MAX_CHECK_ARGUMENTS = 48


def asset_key(table: TableName) -> tuple[str, ...]:
    """Return the default key of a model or external table: `[catalog, schema, name]`."""
    return tuple(map(dagster_names.key_part, table.parts))


def module_path(table: TableName) -> tuple[Identifier, ...]:
    """Return the path of a model's module below `models`: the folders' names, then the file's.

    A part that is too long for a file name is cut and gets a digest.
    """
    return tuple(Identifier(_shortened(part)) for part in table.parts)


def _shortened(part: str) -> str:
    if len(part) <= _MAX_FILE_NAME:
        return part
    return f"{part[:_MAX_FILE_NAME]}_{hashlib.sha256(repr(part).encode()).hexdigest()[:8]}"


def refuse_collisions(what: str, named: Iterable[tuple[str, str]]) -> None:
    """Raise a `ProjectError` if names of two models are equal or differ by case only.

    `what` is the kind of name, for the message; `named` are pairs of a name and its model. Case
    does not count because some file systems ignore it.
    """
    owners: dict[str, str] = {}
    for name, model in named:
        other = owners.setdefault(name.lower(), model)
        if other != model:
            raise ProjectError(
                f"models {other} and {model} get the same {what} {name}",
                hint="Rename one of them in the SQLMesh project.",
            )


def check_names(audits: Sequence[Audit]) -> tuple[str, ...]:
    """Return the check name of each audit of one model; it depends only on how they are used.

    An audit that is used once keeps its name. If there are several uses, the arguments are added:
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
