"""Packages in one code location: Dagster needs names and asset keys that only one of them has."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.config.sources import defs_folder
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.package_paths import DEFINITIONS, EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.rendering import header

from .compare import generated_files

# The asset key of a module; no part of a key has a bracket. A thousand take 10 ms, and `ast` 2 s.
_KEY = re.compile(r"\bAssetSpec\(\s*key=(\[[^\]]*\])")
_FOLDERS = (MODELS_FOLDER, EXTERNALS_FOLDER)
# What Dagster calls what a decorator or a function of it makes.
_KINDS = {
    "multi_asset": "op",
    "op": "op",
    "job": "job",
    "define_asset_job": "job",
    "schedule": "schedule",
    "sensor": "sensor",
}


Texts = Mapping[PurePosixPath, str]


@dataclass(frozen=True, slots=True)
class _Package:
    """What a package brings into its code location.

    `names` are its definitions, as pairs of a kind and a name; `keys` are its assets' keys.
    """

    folder: Path
    names: frozenset[tuple[str, str]]
    keys: frozenset[str]

    @classmethod
    def of(cls, folder: Path, texts: Texts) -> _Package:
        """Read the files of a package; one of another shape may give less than it has."""
        found = (
            _KEY.search(text)
            for path, text in texts.items()
            if path.parts[0] in _FOLDERS and path.name != "__init__.py"
        )
        keys = frozenset("/".join(ast.literal_eval(each[1])) for each in found if each)
        return cls(folder, frozenset(_names(texts.get(DEFINITIONS, ""))), keys)


def refuse_common(packages: Mapping[Path, Texts]) -> None:
    """Refuse packages of one code location with a name or an asset key in common.

    Args:
        packages: by folder, the files as they will be written. Others are read from the `defs`
            folder of the same `dg` project; for packages outside of one, Dagster itself says what
            they have in common.

    Raises:
        UsageError: two packages, and what they have in common.
    """
    written = {folder.resolve(): texts for folder, texts in packages.items()}
    roots = {folder: defs_folder(folder) for folder in written}
    for root in sorted({root for root in roots.values() if root}):
        here = [folder for folder in written if roots[folder] == root]
        folders = [*here, *(each for each in _folders(root) if each not in written)]
        if folders[1:]:
            found = [
                _Package.of(each, written.get(each) or generated_files(each)) for each in folders
            ]
            for one, other in combinations(found, 2):
                _refuse_common(one, other)


def _refuse_common(one: _Package, other: _Package) -> None:
    both = f"the packages {_shown(one.folder)} and {_shown(other.folder)} of one code location have"
    if names := [f"{kind} {name}" for kind, name in sorted(one.names & other.names)]:
        hint = 'Set `name` in one of them. Example: "finance"'
        raise UsageError(f"{both} the {_shortened(names)} in common", hint=hint)
    if keys := sorted(one.keys & other.keys):
        raise UsageError(
            f"{both} the asset {_shortened(keys)} in common",
            hint="Let one of them leave it out with `exclude`, or give it another key with the tag "
            "dagster:asset_key or a translator.",
        )


def _shortened(found: list[str]) -> str:
    return f"{found[0]} (and {len(found) - 1} more)" if found[1:] else found[0]


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders of generated packages; there is none within a package."""
    for folder, folders, files in os.walk(root):
        path = Path(folder, DEFINITIONS)
        if DEFINITIONS.name in files and header.is_ours(path.read_text("utf-8", "replace")):
            folders.clear()
            yield Path(folder)
        folders.sort()


def _names(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of each definition in a definitions.py."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):  # a merge conflict, for example
        return
    for node in body:
        match node:
            case ast.FunctionDef(name=name):
                made: list[ast.expr] = node.decorator_list
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made = [value]
            case _:
                continue
        for call in made:
            match call:
                case ast.Call(func=ast.Attribute(attr=kind)) if kind in _KINDS:
                    yield _KINDS[kind], _given_name(call) or name


def _given_name(call: ast.Call) -> str | None:
    """Return the first argument or `name` of a call, if it is a text."""
    named = [each.value for each in call.keywords if each.arg == "name"]
    match [*call.args[:1], *named]:
        case [ast.Constant(value=str(text)), *_]:
            return text
    return None


def _shown(folder: Path) -> str:
    return os.path.relpath(folder)
