"""The text of a generated package -> its graph.

The layout does not matter, nor does the version of this tool that wrote it. A file that cannot be
read is listed and not compared.
"""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import PurePosixPath

from dg_sqlmesh_codegen.check_names import check_names
from dg_sqlmesh_codegen.dagster_names import AssetKey
from dg_sqlmesh_codegen.package_paths import AUDITS, DEFINITIONS, EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.rendering.header import MARK

from . import ast_reader, model
from .ast_reader import Source, UnreadableError, Value, text, texts

Fields = dict[str, Value]

# What the modules of each folder define.
_RECORDS = {MODELS_FOLDER: "ModelAsset", EXTERNALS_FOLDER: "ExternalAsset"}
# The calls in `definitions.py` that have settings: their prefix, and the arguments that are not.
_SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "SQLMeshResource": ("resource", ()),
    "multi_asset": ("op", ("specs", "check_specs")),
    "define_asset_job": ("job", ("0", "selection")),
}
# What a record has that is compared by itself, or not at all.
_PARTS = ("fqn", "spec", "columns", "audits", "audit_queries", "source", "source_line")
# `sqlmesh/tags` repeats tags and group, and a rendered query changes with the query.
_NO_PROPERTIES = {
    *(
        "dagster/column_lineage",
        "dagster/column_schema",
        "sqlmesh/query",
        "sqlmesh/rendered_query",
        "sqlmesh/tags",
    ),
}
_BLOCKS = {"True": "blocking", "False": "non-blocking"}


def read(old: model.PackageFiles, new: model.PackageFiles) -> tuple[model.Graph, model.Graph]:
    """Return the graphs of two packages, without the files that this tool did not generate.

    A file that is the same in both packages is parsed once.
    """
    read_file = cache(_read_file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns about invalid escapes in edited files
        return _graph(old, "old", read_file), _graph(new, "new", read_file)


def _graph(
    package: model.PackageFiles,
    side: str,
    read_file: Callable[[PurePosixPath, str, str], model.Graph],
) -> model.Graph:
    assets: dict[AssetKey, model.ParsedAsset] = {}
    definitions = model.Graph()
    unread = []
    audits = package.get(AUDITS, "")
    for path in sorted(path for path in package if path.suffix == ".py"):
        try:
            found = read_file(path, package[path], audits)
            if clash := next((key for key in found.assets if key in assets), None):
                raise UnreadableError(f"{assets[clash].path} has the same asset key")
            assets |= found.assets
            if path == DEFINITIONS:
                definitions = found
        except UnreadableError as error:
            unread.append(model.UnreadFile(path, side, str(error)))
    return replace(definitions, assets=dict(sorted(assets.items())), unread=tuple(unread))


def _read_file(path: PurePosixPath, source: str, audits: str) -> model.Graph:
    """Return the part of the graph that a file defines, or raise `UnreadableError`.

    `audits` is the text of `audits.py`, which models refer to.
    """
    # The first line may no longer be the banner.
    if not any(mark in source for mark in (MARK, *_RECORDS.values())):
        return model.Graph()
    tree = ast_reader.module(source)
    if path == DEFINITIONS:
        return model.Graph(schedules=dict(_schedules(tree)), settings=dict(_settings(tree)))
    record = _RECORDS.get(path.parts[0])
    if record is None or path.name == "__init__.py":
        return model.Graph()
    known = _definitions_of(audits)
    calls = ast_reader.calls(tree, record)
    assets = [_asset(ast_reader.arguments(call), path, known) for call in calls]
    if not assets:
        raise UnreadableError(
            f"it contains no {record}(...); a custom template may have written it"
        )
    return model.Graph({asset.key: asset for asset in assets})


@lru_cache(maxsize=2)  # of the old package and of the new one
def _definitions_of(audits: str) -> Mapping[str, Fields]:
    """Return the audits of `audits.py` by constant; none if it cannot be read."""
    try:
        assigned = [each for each in ast_reader.module(audits).body if isinstance(each, ast.Assign)]
    except UnreadableError:
        return {}
    return {
        ast.unparse(each.targets[0]): ast_reader.arguments(call)
        for each in assigned
        for call in ast_reader.calls(each.value, "Audit")
    }


def _asset(record: Fields, path: PurePosixPath, known: Mapping[str, Fields]) -> model.ParsedAsset:
    spec = _record(record.get("spec"), "spec")
    metadata = _mapping(spec.get("metadata"))
    others = (
        _without(record, *_PARTS)
        | _without(spec, "0", "key", "deps", "code_version", "metadata", "skippable")
        | _without(metadata, *_NO_PROPERTIES)
    )
    if source := record.get("source"):
        others["sqlmesh/source"] = text(source)
    elif source := others.get("sqlmesh/source"):
        # Packages of 0.1.0: relative to the module.
        others["sqlmesh/source"] = posixpath.normpath(path.parent / text(source))
    # Packages of older versions have a schema.
    old = _list(_mapping(metadata.get("dagster/column_schema")), "columns")
    columns = [*_columns(_list(record, "columns") or old)]
    others |= {f"description of {name}": about for name, _, about in columns if about}
    others |= _lineage(metadata.get("dagster/column_lineage"))
    return model.ParsedAsset(
        key=_key(spec.get("key", spec.get("0"))),
        fqn=text(record.get("fqn", "")),
        path=path,
        code_version=_text(spec.get("code_version")),
        deps=_keys(spec, "deps"),
        query=_text(metadata.get("sqlmesh/query")),
        columns={name: (type_,) for name, type_, _ in columns},
        audits=dict(_audits(record, known)),
        properties={name: texts(others[name]) for name in sorted(others)},
        external=path.parts[0] == EXTERNALS_FOLDER,
    )


def _key(value: Value) -> AssetKey:
    if isinstance(value, dict):  # dg.AssetKey([...]) or dg.AssetDep(...)
        return _key(value.get("path", value.get("asset", value.get("0"))))
    parts = value if isinstance(value, list) else [value]
    key = tuple(each for each in parts if isinstance(each, str) and not isinstance(each, Source))
    if not key or len(key) < len(parts):
        raise UnreadableError("its asset key is not a literal")
    return key


def _keys(spec: Fields, argument: str) -> tuple[AssetKey, ...]:
    return tuple(sorted(set(map(_key, _list(spec, argument)))))


def _columns(columns: list[Value]) -> Iterator[tuple[str, str, Value]]:
    """Yield the name, the type and the description of each column."""
    for column in map(_mapping, columns):
        name, type_ = column.get("name", column.get("0")), column.get("type", column.get("1"))
        yield text(name or ""), text(type_ or "unknown"), column.get("description")


def _lineage(lineage: Value) -> Fields:
    """Return what each column is made from, by a name for this property."""
    columns = _mapping(_mapping(lineage).get("0")).items()
    return {
        f"columns that {name} is made from": [
            f"{'/'.join(_key(dep.get('0')))}.{text(dep.get('1', ''))}"
            for dep in map(_mapping, deps if isinstance(deps, list) else [])
        ]
        for name, deps in columns
    }


def _audits(record: Fields, known: Mapping[str, Fields]) -> Iterator[tuple[str, tuple[str, ...]]]:
    queries = _mapping(record.get("audit_queries"))
    uses = [_with_spec(_record(each, "audits"), known) for each in _list(record, "audits")]
    names = check_names(
        [
            (
                text(use.get("audit", "")),
                tuple((name, text(arg)) for name, arg in _mapping(use.get("args")).items()),
                use.get("standalone") is True,
            )
            for use in uses
        ]
    )
    for use, name in zip(uses, names, strict=True):
        yield _audit(use, name, queries)


def _with_spec(use: Fields, known: Mapping[str, Fields]) -> Fields:
    """Return the use of an audit as versions before `audits.py` wrote it: with a check spec."""
    if "0" not in use:
        return use
    constant = text(use["0"]).rpartition(".")[2]
    audit = known.get(constant, {"name": constant})
    metadata = {
        "sqlmesh/blocking": use.get("blocking", audit.get("blocking")),
        "sqlmesh/audit_query": audit.get("query"),
    }
    return {
        "audit": audit.get("name"),
        "args": use.get("args", _without(use, "0", "blocking", "additional_deps")),
        "standalone": audit.get("standalone"),
        "spec": {"additional_deps": use.get("additional_deps", []), "metadata": metadata},
    }


def _audit(record: Fields, check: str, queries: Fields) -> tuple[str, tuple[str, ...]]:
    spec = _record(record.get("spec"), "spec")
    metadata = _mapping(spec.get("metadata"))
    name = audit = text(record.get("audit", ""))
    if args := _mapping(record.get("args")):
        name += f"({', '.join(f'{arg} := {text(each)}' for arg, each in args.items())})"
    return f"standalone {name}" if record.get("standalone") is True else name, (
        _BLOCKS.get(text(metadata.get("sqlmesh/blocking")), "unknown"),
        f"check {text(spec.get('name', check))}",
        *texts(metadata.get("sqlmesh/audit_query", queries.get(audit))),
        *map("/".join, _keys(spec, "additional_deps")),
    )


def _record(value: Value, argument: str) -> Fields:
    if not isinstance(value, dict):
        raise UnreadableError(f"its argument {argument} is not a literal")
    return value


def _list(record: Fields, argument: str) -> list[Value]:
    value = record.get(argument, [])
    if not isinstance(value, list):
        raise UnreadableError(f"its argument {argument} is not a literal")
    return value


def _mapping(value: Value) -> Fields:
    return value if isinstance(value, dict) else {}


def _text(value: Value) -> str | None:
    return None if value is None else text(value)


def _without(arguments: Fields, *names: str) -> Fields:
    return {name: value for name, value in arguments.items() if name not in names}


def _schedules(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the schedules of `@dg.schedule(...)` and of `dg.ScheduleDefinition(...)`."""
    calls = ast_reader.calls(tree, "schedule", "ScheduleDefinition")
    for call in map(ast_reader.arguments, calls):
        crons = texts(call.get("cron_schedule", call.get("0")))
        timezone = text(call.get("execution_timezone", "UTC"))
        yield text(call.get("name", "schedule")), (*crons, timezone)


def _settings(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, (prefix, known) in _SETTINGS.items():
        evaluate = ast_reader.strings_of(tree) if prefix == "resource" else ast_reader.value
        for call in ast_reader.calls(tree, name):
            arguments = ast_reader.arguments(call, evaluate)
            of = prefix
            # A job of some of the models; that of all models has a selection that is one call.
            if prefix == "job" and text(arguments.get("selection")).startswith("["):
                of = f"job {text(arguments.get('0'))}:"
            for argument, value in _without(arguments, *known).items():
                yield f"{of} {argument}", texts(value)
    for kind in ("schedule", "sensor"):
        for call in ast_reader.calls(tree, kind):
            arguments = ast_reader.arguments(call)
            name = f"{kind} {text(arguments.get('name', kind))}: default_status"
            yield name, texts(arguments.get("default_status"))
    for call in ast_reader.calls(tree, "Definitions"):
        arguments = ast_reader.arguments(call)
        yield from ((name, texts(arguments.get(name))) for name in ("jobs", "sensors"))
        for key, value in _mapping(arguments.get("metadata")).items():
            yield key, texts(value)
    # Without the status check, or with checks that block: of all models.
    if models := ast_reader.assigned(tree).get("MODELS"):
        yield "models", texts(ast_reader.value(models))
