"""Packages in one code location: Dagster needs names and asset keys that only one of them has."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.config.sources import defs_folder
from dg_sqlmesh_codegen.errors import CommonNameError
from dg_sqlmesh_codegen.package_paths import DEFINITIONS, EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.rendering import header

from .compare import generated_files

# The asset key of a module; no part of a key has a bracket. A thousand take 10 ms, and `ast` 2 s.
_KEY = re.compile(r"\bAssetSpec\(\s*key=(\[[^\]]*\])")
_FOLDERS = (MODELS_FOLDER, EXTERNALS_FOLDER)
# In definitions.py: `@dg.op(name="finance_models", ...)` and the function below it, and
# `daily = dg.define_asset_job("daily", ...)`.
_DECORATED = re.compile(r"^@dg\.(multi_asset|op|job|schedule|sensor)\b(.*?)^def (\w+)", re.M | re.S)
_NAME = re.compile(r'\bname="(\w+)"')
_JOB = re.compile(r'^\w+ = dg\.define_asset_job\(\s*(?:name=)?"(\w+)"', re.M)
_ASSET = "asset"

Texts = Mapping[PurePosixPath, str]


def refuse_common(packages: Mapping[Path, Texts]) -> None:
    """Refuse packages of one code location with a name or an asset key in common.

    Args:
        packages: by folder, the files as they will be written. Others are read from the `defs`
            folder of the same `dg` project; for packages outside of one, Dagster itself says what
            they have in common.

    Raises:
        CommonNameError: two packages, and what they have in common.
    """
    written = {folder.resolve(): texts for folder, texts in packages.items()}
    for root in sorted(filter(None, {defs_folder(folder) for folder in written})):
        here = (folder for folder in written if folder.is_relative_to(root))
        found = {
            folder: {*_definitions(written.get(folder) or generated_files(folder))}
            for folder in dict.fromkeys([*here, *_folders(root)])
        }
        for one, other in combinations(found, 2):
            if common := found[one] & found[other]:
                raise _error(one, other, common)


def _error(one: Path, other: Path, common: set[tuple[str, str]]) -> CommonNameError:
    names = sorted(each for each in common if each[0] != _ASSET)
    (kind, name), *others = names or sorted(common)
    more = f" (and {len(others)} more)" if others else ""
    return CommonNameError(
        f"the packages {os.path.relpath(one)} and {os.path.relpath(other)} of one code location "
        f"have the {kind} {name}{more} in common",
        hint=(
            'Set `name` in one of them. Example: "finance"'
            if names
            else "Let one of them leave it out with `exclude`, or give it another key with the tag "
            "dagster:asset_key or a translator."
        ),
    )


def _folders(root: Path) -> Iterator[Path]:
    """Yield the folders of generated packages; there is none within a package."""
    for folder, folders, files in os.walk(root):
        path = Path(folder, DEFINITIONS)
        if DEFINITIONS.name in files and header.is_ours(path.read_text("utf-8", "replace")):
            folders.clear()
            yield Path(folder)
        folders.sort()


def _definitions(texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of each definition of a package; of an asset, the key.

    Of a package of another shape this may be less than it has: then Dagster says the rest.
    """
    definitions = texts.get(DEFINITIONS, "")
    for kind, arguments, function in _DECORATED.findall(definitions):
        given = _NAME.search(arguments)
        yield "op" if kind == "multi_asset" else kind, given[1] if given else function
    for name in _JOB.findall(definitions):
        yield "job", name
    for path, text in texts.items():
        if path.parts[0] in _FOLDERS and (key := _KEY.search(text)):
            yield _ASSET, "/".join(ast.literal_eval(key[1]))
