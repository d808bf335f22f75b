"""The text of a generated package -> its graph.

The layout does not matter, nor does the version of this tool that wrote it. A file that cannot be
read is listed and not compared.
"""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import PurePosixPath

from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.package_paths import DEFINITIONS, EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.rendering.header import MARK

from . import ast_reader, model
from .ast_reader import Call, UnreadableError

# What the modules of each folder define.
_RECORDS = {MODELS_FOLDER: "ModelAsset", EXTERNALS_FOLDER: "ExternalAsset"}
# The calls in `definitions.py` that have settings: their prefix, and the arguments that are not.
_SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "SQLMeshResource": ("resource", ()),
    "multi_asset": ("op", ("specs", "check_specs")),
    "define_asset_job": ("job", ("selection",)),
}
_BOOLEANS: dict[str | None, bool] = {"True": True, "False": False}


def read(old: model.PackageFiles, new: model.PackageFiles) -> tuple[model.Graph, model.Graph]:
    """Return the graphs of two packages, without the files that this tool did not generate.

    A file that is the same in both packages is parsed once.
    """
    read_file = cache(_read_file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns about invalid escapes in edited files
        return _graph(old, "old", read_file), _graph(new, "new", read_file)


def _graph(
    package: model.PackageFiles, side: str, read_file: Callable[[PurePosixPath, str], model.Graph]
) -> model.Graph:
    assets: dict[AssetKey, model.ParsedAsset] = {}
    definitions = model.Graph()
    unread = []
    for path in sorted(path for path in package if path.suffix == ".py"):
        try:
            found = read_file(path, package[path])
            if clash := next((key for key in found.assets if key in assets), None):
                raise UnreadableError(f"{assets[clash].path} has the same asset key")
            assets |= found.assets
            if path == DEFINITIONS:
                definitions = found
        except UnreadableError as error:
            unread.append(model.UnreadFile(path, side, str(error)))
    return replace(definitions, assets=dict(sorted(assets.items())), unread=tuple(unread))


def _read_file(path: PurePosixPath, text: str) -> model.Graph:
    """Return the part of the graph that a file defines, or raise `UnreadableError`."""
    if not _is_generated(text):
        return model.Graph()
    tree = ast_reader.module(text)
    if path == DEFINITIONS:
        schedules = sorted(_schedules(tree), key=lambda schedule: schedule.name)
        return model.Graph(schedules=tuple(schedules), settings=tuple(sorted(_settings(tree))))
    record = _RECORDS.get(path.parts[0])
    if record is None or path.name == "__init__.py":
        return model.Graph()
    assets = [_asset(call, path) for call in ast_reader.calls(tree, record)]
    if not assets:
        raise UnreadableError(
            f"it contains no {record}(...); a custom template may have written it"
        )
    return model.Graph({asset.key: asset for asset in assets})


def _is_generated(text: str) -> bool:
    """Return whether this tool wrote a file, even if its first line is no longer the banner."""
    return any(mark in text for mark in (MARK, *_RECORDS.values()))


def _asset(call: Call, path: PurePosixPath) -> model.ParsedAsset:
    spec = call.call("spec")
    metadata = spec.mapping("metadata")
    properties = [
        *call.others("fqn", "spec", "audits"),
        *spec.others("key", "deps", "code_version", "metadata"),
        *metadata.others("sqlmesh/query", "dagster/column_schema"),
    ]
    return model.ParsedAsset(
        key=_key(spec.argument("key", 0)),
        fqn=call.text("fqn") or "",
        path=path,
        code_version=spec.text("code_version"),
        deps=_keys(spec, "deps"),
        query=metadata.text("sqlmesh/query"),
        columns=tuple(_columns(metadata.argument("dagster/column_schema"))),
        audits=tuple(map(_audit, call.elements("audits"))),
        properties=tuple(sorted(_property(name, value, path) for name, value in properties)),
        external=path.parts[0] == EXTERNALS_FOLDER,
    )


def _property(name: str, value: ast.expr, path: PurePosixPath) -> model.Property:
    values = ast_reader.values(value)
    if name == "sqlmesh/source" and values:
        # Relative to the package: relative to the module, it would differ with the model's schema.
        values = (posixpath.normpath(path.parent / values[0]),)
    return model.Property(name, values)


def _key(node: ast.expr | None) -> AssetKey:
    if call := Call.of(node):  # dg.AssetKey([...]) or dg.AssetDep(...)
        return _key(call.argument("path", 0) or call.argument("asset"))
    plain = ast_reader.string(node) is not None
    parts = [node] if plain else ast_reader.elements(node) or []
    key = tuple(text for part in parts if (text := ast_reader.string(part)) is not None)
    if not key or len(key) < len(parts):
        raise UnreadableError("its asset key is not a literal")
    return key


def _keys(spec: Call, argument: str) -> tuple[AssetKey, ...]:
    return tuple(sorted({_key(each) for each in spec.elements(argument)}))


def _columns(schema: ast.expr | None) -> Iterator[model.ParsedColumn]:
    for call in ast_reader.calls(schema or ast.Constant(None), "TableColumn"):
        name, type_ = call.text("name", 0) or "", call.text("type", 1) or "unknown"
        yield model.ParsedColumn(name, type_, call.text("description"))


def _audit(node: ast.expr) -> model.ParsedAudit:
    call = Call.of(node)
    if call is None:
        raise UnreadableError("its argument audits is not a literal")
    spec = call.call("spec")
    name = call.text("audit") or ""
    metadata = spec.mapping("metadata")
    args = ast_reader.items(call.argument("args"))
    return model.ParsedAudit(
        name=name,
        args=tuple((key, ast_reader.text(value)) for key, value in args),
        check=spec.text("name") or name,
        blocking=_BOOLEANS.get(metadata.text("sqlmesh/blocking")),
        standalone=call.text("standalone") == "True",
        query=metadata.text("sqlmesh/audit_query"),
        also_reads=_keys(spec, "additional_deps"),
    )


def _schedules(tree: ast.Module) -> Iterator[model.ParsedSchedule]:
    """Yield the schedules of `@dg.schedule(...)` and of `dg.ScheduleDefinition(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for call in map(Call.of, node.decorator_list):
                if call and call.name == "schedule":
                    yield _schedule(call, node.name)
        elif (call := Call.of(node)) and call.name == "ScheduleDefinition":
            yield _schedule(call, "schedule")


def _schedule(call: Call, fallback: str) -> model.ParsedSchedule:
    crons = call.argument("cron_schedule", 0)
    return model.ParsedSchedule(
        name=call.text("name") or fallback,
        crons=() if crons is None else ast_reader.values(crons),
        timezone=call.text("execution_timezone") or "UTC",
    )


def _settings(tree: ast.Module) -> Iterator[model.Property]:
    for record, (prefix, known) in _SETTINGS.items():
        values = ast_reader.only_string if prefix == "resource" else ast_reader.values
        for call in ast_reader.calls(tree, record):
            for name, value in call.others(*known):
                yield model.Property(f"{prefix} {name}", values(value))
    for call in ast_reader.calls(tree, "Definitions"):
        for name, value in call.mapping("metadata").others():
            yield model.Property(name, ast_reader.values(value))
