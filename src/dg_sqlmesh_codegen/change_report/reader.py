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

from dg_sqlmesh_codegen.package_paths import EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.rendering.header import MARK

from . import ast_reader
from .ast_reader import Unreadable
from .model import (
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
    tree = ast_reader.module(text)
    record = _RECORDS.get(path.parts[0])
    if record is None or path.name == "__init__.py":
        return ()  # read only to see whether it can be
    assets = tuple(_asset(call, path) for call in ast_reader.calls(tree, record))
    if not assets:
        raise Unreadable(f"it holds no {record}(...); a template of your own may have written it")
    return assets


def _is_ours(text: str) -> bool:
    """Whether a file is generated, even where a merge or an editor has been at its first line."""
    return any(mark in text for mark in (MARK, *_RECORDS.values()))


def _asset(call: ast.Call, path: PurePosixPath) -> Asset:
    spec = ast_reader.keyword(call, "spec")
    if not isinstance(spec, ast.Call):
        raise Unreadable("its asset spec is no literal")
    metadata = dict(ast_reader.items(ast_reader.keyword(spec, "metadata")))
    query = metadata.pop("sqlmesh/query", None)
    columns = metadata.pop("dagster/column_schema", None)
    properties = [
        *ast_reader.others(call, "fqn", "spec", "audits"),
        *ast_reader.others(spec, "key", "deps", "code_version", "metadata"),
        *metadata.items(),
    ]
    return Asset(
        key=_key(ast_reader.argument(spec, 0, "key")),
        fqn=ast_reader.string(ast_reader.keyword(call, "fqn")) or "",
        path=path,
        code_version=_optional(ast_reader.keyword(spec, "code_version")),
        deps=_keys(ast_reader.keyword(spec, "deps"), "deps"),
        query=_optional(query),
        columns=tuple(_columns(columns)),
        audits=tuple(_audits(ast_reader.keyword(call, "audits"))),
        properties=tuple(sorted(_property(name, value, path) for name, value in properties)),
        external=path.parts[0] == EXTERNALS_FOLDER,
    )


def _optional(node: ast.expr | None) -> str | None:
    return None if node is None else ast_reader.text(node)


def _property(name: str, value: ast.expr, path: PurePosixPath) -> Property:
    values = ast_reader.values(value)
    if name == "sqlmesh/source" and values:
        # Relative to the module, it would change whenever the model's schema does.
        values = (posixpath.normpath(path.parent / values[0]),)
    return Property(name, values)


def _key(node: ast.expr | None) -> Key:
    if isinstance(node, ast.Call):  # dg.AssetKey([...]), dg.AssetDep(...)
        return _key(ast_reader.argument(node, 0, "path") or ast_reader.keyword(node, "asset"))
    plain = ast_reader.string(node)
    if plain is not None:
        return (plain,)
    parts = [ast_reader.string(part) for part in ast_reader.elements(node) or ()]
    if not parts or None in parts:
        raise Unreadable("an asset key in it is no literal")
    return tuple(part for part in parts if part is not None)


def _keys(node: ast.expr | None, what: str) -> tuple[Key, ...]:
    if node is None:
        return ()
    elements = ast_reader.elements(node)
    if elements is None:
        raise Unreadable(f"its {what} are no literal")
    return tuple(sorted({_key(each) for each in elements}))


def _columns(schema: ast.expr | None) -> Iterator[Column]:
    if schema is None:
        return
    for call in ast_reader.calls(schema, "TableColumn"):
        name = ast_reader.argument(call, 0, "name")
        type_ = ast_reader.argument(call, 1, "type")
        yield Column(
            name=_optional(name) or "",
            type=_optional(type_) or "unknown",
            description=_optional(ast_reader.keyword(call, "description")),
        )


def _audits(node: ast.expr | None) -> Iterator[Audit]:
    elements = () if node is None else ast_reader.elements(node)
    for each in () if elements is None else elements:
        if not isinstance(each, ast.Call):
            raise Unreadable("its audits are no literal")
        yield _audit(each)
    if elements is None:
        raise Unreadable("its audits are no literal")


def _audit(call: ast.Call) -> Audit:
    spec = ast_reader.keyword(call, "spec")
    if not isinstance(spec, ast.Call):
        raise Unreadable("the check of an audit in it is no literal")
    name = _optional(ast_reader.keyword(call, "audit")) or ""
    metadata = dict(ast_reader.items(ast_reader.keyword(spec, "metadata")))
    return Audit(
        name=name,
        args=tuple(
            (key, ast_reader.text(value))
            for key, value in ast_reader.items(ast_reader.keyword(call, "args"))
        ),
        check=_optional(ast_reader.keyword(spec, "name")) or name,
        blocking=ast_reader.boolean(metadata.get("sqlmesh/blocking")),
        standalone=bool(ast_reader.boolean(ast_reader.keyword(call, "standalone"))),
        query=_optional(metadata.get("sqlmesh/audit_query")),
        also_reads=_keys(ast_reader.keyword(spec, "additional_deps"), "additional_deps"),
    )


def _definitions(text: str) -> Definitions | None:
    if not _is_ours(text):
        return Definitions()
    try:
        tree = ast_reader.module(text)
    except Unreadable:
        return None  # `_assets` has said so
    schedules = sorted(_schedules(tree), key=lambda schedule: schedule.name)
    return Definitions(tuple(schedules), tuple(sorted(_settings(tree))))


def _schedules(tree: ast.Module) -> Iterator[Schedule]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and ast_reader.name(call) == _DECORATOR:
                    yield _schedule(call, node.name)
        elif isinstance(node, ast.Call) and ast_reader.name(node) == _CONSTRUCTOR:
            yield _schedule(node, "schedule")


def _schedule(call: ast.Call, fallback: str) -> Schedule:
    crons = ast_reader.argument(call, 0, "cron_schedule")
    return Schedule(
        name=_optional(ast_reader.keyword(call, "name")) or fallback,
        crons=() if crons is None else ast_reader.values(crons),
        timezone=_optional(ast_reader.keyword(call, "execution_timezone")) or "UTC",
    )


def _settings(tree: ast.Module) -> Iterator[Property]:
    for call in ast_reader.calls(tree, "SQLMeshResource"):
        for name, value in ast_reader.others(call):
            yield Property(f"resource {name}", ast_reader.only_string(value))
    for call in ast_reader.calls(tree, "multi_asset"):
        for name, value in ast_reader.others(call, "specs", "check_specs"):
            yield Property(f"op {name}", ast_reader.values(value))
    for call in ast_reader.calls(tree, "define_asset_job"):
        for name, value in ast_reader.others(call, "selection"):
            yield Property(f"job {name}", ast_reader.values(value))
    for call in ast_reader.calls(tree, "Definitions"):
        for name, value in ast_reader.items(ast_reader.keyword(call, "metadata")):
            yield Property(name, ast_reader.values(value))
