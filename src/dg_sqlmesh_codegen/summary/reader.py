"""A generated package's text -> its graph.

Layout does not matter, nor what version of this tool wrote it: `ModelAsset(...)` is looked for
in the modules of models, `ExternalAsset(...)` in those of external tables, and the schedules, the
resource and the op in `definitions.py`. What cannot be read is named, and left out of the
comparison.
"""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import PurePosixPath

from ..banner import BANNER
from ..files import EXTERNALS_FOLDER, MODELS_FOLDER
from . import syntax
from .records import (
    Asset,
    Audit,
    Column,
    Definitions,
    Graph,
    Key,
    Package,
    Property,
    Schedule,
    Unread,
)
from .syntax import Unreadable

DEFINITIONS = PurePosixPath("definitions.py")
# What the modules of each folder hold.
_RECORDS = {MODELS_FOLDER: "ModelAsset", EXTERNALS_FOLDER: "ExternalAsset"}
_DECORATOR, _CONSTRUCTOR = "schedule", "ScheduleDefinition"


def read(old: Package, new: Package) -> tuple[Graph, Graph]:
    """Read two packages; a file that is the same in both is parsed once.

    Args:
        old: the text of each file, by its path relative to the package's folder. Files that are
            not of a generated package are ignored.
        new: the same of the other package.

    Returns:
        The graph of each.
    """
    assets = cache(_assets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of a hand-edited "\d", and to nobody's use
        return _graph(old, assets), _graph(new, assets)


def _graph(
    package: Package, read_assets: Callable[[PurePosixPath, str], tuple[Asset, ...]]
) -> Graph:
    found: dict[Key, Asset] = {}
    unread = []
    for path in sorted(path for path in package if path.suffix == ".py"):
        try:
            assets = read_assets(path, package[path])
            if clash := next((asset for asset in assets if asset.key in found), None):
                other = found[clash.key].path
                raise Unreadable(f"its asset key is taken by {other}")
            found |= {asset.key: asset for asset in assets}
        except Unreadable as error:
            unread.append(Unread(path, str(error)))
    definitions = _definitions(package.get(DEFINITIONS, ""))
    return Graph(tuple(found[key] for key in sorted(found)), definitions, tuple(unread))


def _assets(path: PurePosixPath, text: str) -> tuple[Asset, ...]:
    """Return the assets of a file.

    Raises:
        Unreadable: they cannot be read.
    """
    if not _is_ours(text):
        return ()
    tree = syntax.module(text)
    record = _RECORDS.get(path.parts[0])
    if record is None or path.name == "__init__.py":
        return ()  # read only to see whether it can be
    assets = tuple(_asset(call, path) for call in syntax.calls(tree, record))
    if not assets:
        raise Unreadable(f"it holds no {record}(...); a template of your own may have written it")
    return assets


def _is_ours(text: str) -> bool:
    """Whether a file is generated, even where a merge or an editor has been at its first line."""
    return any(mark in text for mark in (BANNER.rstrip("."), *_RECORDS.values()))


def _asset(call: ast.Call, path: PurePosixPath) -> Asset:
    spec = syntax.keyword(call, "spec")
    if not isinstance(spec, ast.Call):
        raise Unreadable("its asset spec is no literal")
    metadata = dict(syntax.items(syntax.keyword(spec, "metadata")))
    query = metadata.pop("sqlmesh/query", None)
    columns = metadata.pop("dagster/column_schema", None)
    properties = [
        *syntax.others(call, "fqn", "spec", "audits"),
        *syntax.others(spec, "key", "deps", "code_version", "metadata"),
        *metadata.items(),
    ]
    return Asset(
        key=_key(syntax.argument(spec, 0, "key")),
        fqn=syntax.string(syntax.keyword(call, "fqn")) or "",
        path=path,
        code_version=_optional(syntax.keyword(spec, "code_version")),
        deps=_keys(syntax.keyword(spec, "deps"), "deps"),
        query=_optional(query),
        columns=tuple(_columns(columns)),
        audits=tuple(_audits(syntax.keyword(call, "audits"))),
        properties=tuple(sorted(_property(name, value, path) for name, value in properties)),
        external=path.parts[0] == EXTERNALS_FOLDER,
    )


def _optional(node: ast.expr | None) -> str | None:
    return None if node is None else syntax.text(node)


def _property(name: str, value: ast.expr, path: PurePosixPath) -> Property:
    values = syntax.values(value)
    if name == "sqlmesh/source" and values:
        # Relative to the module, it would change whenever the model's schema does.
        values = (posixpath.normpath(path.parent / values[0]),)
    return Property(name, values)


def _key(node: ast.expr | None) -> Key:
    if isinstance(node, ast.Call):  # dg.AssetKey([...]), dg.AssetDep(...)
        return _key(syntax.argument(node, 0, "path") or syntax.keyword(node, "asset"))
    plain = syntax.string(node)
    if plain is not None:
        return (plain,)
    parts = [syntax.string(part) for part in syntax.elements(node) or ()]
    if not parts or None in parts:
        raise Unreadable("an asset key in it is no literal")
    return tuple(part for part in parts if part is not None)


def _keys(node: ast.expr | None, what: str) -> tuple[Key, ...]:
    if node is None:
        return ()
    elements = syntax.elements(node)
    if elements is None:
        raise Unreadable(f"its {what} are no literal")
    return tuple(sorted({_key(each) for each in elements}))


def _columns(schema: ast.expr | None) -> Iterator[Column]:
    if schema is None:
        return
    for call in syntax.calls(schema, "TableColumn"):
        name = syntax.argument(call, 0, "name")
        type_ = syntax.argument(call, 1, "type")
        yield Column(
            name=_optional(name) or "",
            type=_optional(type_) or "unknown",
            description=_optional(syntax.keyword(call, "description")),
        )


def _audits(node: ast.expr | None) -> Iterator[Audit]:
    elements = () if node is None else syntax.elements(node)
    for each in () if elements is None else elements:
        if not isinstance(each, ast.Call):
            raise Unreadable("its audits are no literal")
        yield _audit(each)
    if elements is None:
        raise Unreadable("its audits are no literal")


def _audit(call: ast.Call) -> Audit:
    spec = syntax.keyword(call, "spec")
    if not isinstance(spec, ast.Call):
        raise Unreadable("the check of an audit in it is no literal")
    name = _optional(syntax.keyword(call, "audit")) or ""
    metadata = dict(syntax.items(syntax.keyword(spec, "metadata")))
    return Audit(
        name=name,
        args=tuple(
            (key, syntax.text(value)) for key, value in syntax.items(syntax.keyword(call, "args"))
        ),
        check=_optional(syntax.keyword(spec, "name")) or name,
        blocking=syntax.boolean(metadata.get("sqlmesh/blocking")),
        standalone=bool(syntax.boolean(syntax.keyword(call, "standalone"))),
        query=_optional(metadata.get("sqlmesh/audit_query")),
        also_reads=_keys(syntax.keyword(spec, "additional_deps"), "additional_deps"),
    )


def _definitions(text: str) -> Definitions | None:
    if not _is_ours(text):
        return Definitions()
    try:
        tree = syntax.module(text)
    except Unreadable:
        return None  # `_assets` has said so
    schedules = sorted(_schedules(tree), key=lambda schedule: schedule.name)
    return Definitions(tuple(schedules), tuple(sorted(_settings(tree))))


def _schedules(tree: ast.Module) -> Iterator[Schedule]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and syntax.name(call) == _DECORATOR:
                    yield _schedule(call, node.name)
        elif isinstance(node, ast.Call) and syntax.name(node) == _CONSTRUCTOR:
            yield _schedule(node, "schedule")


def _schedule(call: ast.Call, fallback: str) -> Schedule:
    crons = syntax.argument(call, 0, "cron_schedule")
    return Schedule(
        name=_optional(syntax.keyword(call, "name")) or fallback,
        crons=() if crons is None else syntax.values(crons),
        timezone=_optional(syntax.keyword(call, "execution_timezone")) or "UTC",
    )


def _settings(tree: ast.Module) -> Iterator[Property]:
    for call in syntax.calls(tree, "SQLMeshResource"):
        for name, value in syntax.others(call):
            yield Property(f"resource {name}", syntax.only_string(value))
    for call in syntax.calls(tree, "multi_asset"):
        for name, value in syntax.others(call, "specs", "check_specs"):
            yield Property(f"op {name}", syntax.values(value))
    for call in syntax.calls(tree, "define_asset_job"):
        for name, value in syntax.others(call, "selection"):
            yield Property(f"job {name}", syntax.values(value))
    for call in syntax.calls(tree, "Definitions"):
        for name, value in syntax.items(syntax.keyword(call, "metadata")):
            yield Property(name, syntax.values(value))
