"""The names of asset keys, modules and constants. No two models have the same name."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.check_names import digest
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.sqlmesh_project.records import Audit, TableName

Parts = tuple[str, ...]

# File systems accept 255 bytes, with `.py` and the suffix of a temporary file.
_MAX_FILE_NAME = 160


def asset_key(table: TableName) -> tuple[str, ...]:
    """Return the default key of a model or external table: `[catalog, schema, name]`."""
    return tuple(map(dagster_names.key_part, table.parts))


def module_paths(tables: Sequence[TableName]) -> list[tuple[Identifier, ...]]:
    """Return the path of each module below `models`: the folders' names, then the file's.

    A part that is too long for a file name is cut and gets a digest. No two modules have the same
    path or import name, and none has the path of a folder, also where case is ignored.
    """
    plain = [tuple(Identifier(_shortened(part)) for part in table.parts) for table in tables]
    spelled: dict[str, str] = {}
    for folder in sorted({path[:end] for path in plain for end in range(1, len(path))}):
        spelled[_folded(folder)] = folder[-1]  # of equal ones the last, so lower case wins

    def renamed(folder: Parts) -> str:
        name = folder[-1]
        return name if spelled[_folded(folder)] == name else f"{name}_{digest(name)}"

    paths = [
        (*(renamed(path[: end + 1]) for end in range(len(path) - 1)), path[-1]) for path in plain
    ]
    folders = {_folded(path[:end]) for path in paths for end in range(1, len(path))}
    reserved = {*folders, "__init__", *(f"{folder}/__init__" for folder in folders)}
    names = told_apart([table.parts for table in tables], paths, _claimed_by_module, reserved)
    return [tuple(map(Identifier, name)) for name in names]


def _claimed_by_module(path: Parts) -> set[str]:
    return {_folded(path), f"import {import_name(path)}".lower()}


def _folded(path: Parts) -> str:
    return "/".join(path).lower()


def import_name(module: Sequence[str]) -> Identifier:
    """Return the name of a module's model in `models/__init__.py`."""
    return Identifier("__".join(module))


def told_apart(
    originals: Sequence[Parts],
    plain: Sequence[Parts],
    claims: Callable[[Parts], Set[str]],
    reserved: Iterable[str] = (),
) -> list[Parts]:
    """Add a digest to the names that would be the same.

    Args:
        originals: the true names of models or tables.
        plain: what naming rules made of each of them.
        claims: what must not be the same for two names.
        reserved: claims that are taken already.

    Returns:
        A name for each original. It is the plain one if nothing else claims the same. Otherwise one
        name that the rules did not change stays, and the others get a digest of the original.
    """
    wanted = Counter(claim for path in plain for claim in claims(path))
    taken = set(reserved)
    wanted.update(taken)
    found = [*plain]

    def is_changed(index: int) -> bool:
        return plain[index][-1] != originals[index][-1]

    order = [(is_changed(i), "/".join(each).swapcase(), i) for i, each in enumerate(originals)]
    for changed, _, index in sorted(order):  # in lower case before upper case
        path = plain[index]
        contested = any(wanted[claim] > 1 for claim in claims(path))
        if contested and (changed or not taken.isdisjoint(claims(path))):
            digests = (digest((originals[index], number)) for number in itertools.count())
            candidates = ((*path[:-1], f"{path[-1]}_{digest}") for digest in digests)
            path = next(each for each in candidates if not claims(each) & (taken | {*wanted}))
        taken |= claims(path)
        found[index] = path
    return found


def _shortened(part: str) -> str:
    return part if len(part) <= _MAX_FILE_NAME else f"{part[:_MAX_FILE_NAME]}_{digest(part)}"


def output_name(key: AssetKey) -> str:
    """Return the name that Dagster makes of a key for the output of an op."""
    return "__".join(key).replace("-", "_").replace(".", "_")


def audit_constants(audits: Mapping[Audit, str]) -> dict[Audit, Identifier]:
    """Return the constant of each audit in `audits.py`: `NOT_NULL` for `not_null`.

    Args:
        audits: the first model that uses each of them. It tells audits with one name apart, so
            that a constant keeps its name if the query of its audit changes.
    """
    originals = [(user, audit.name.upper()) for audit, user in audits.items()]
    plain = [(Identifier(name),) for _, name in originals]
    names = told_apart(originals, plain, lambda path: {path[-1].upper()})
    return {audit: Identifier(name.upper()) for audit, (name,) in zip(audits, names, strict=True)}
