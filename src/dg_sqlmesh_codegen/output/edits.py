"""Whether somebody edited a generated file by hand, as far as the files themselves tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.package_paths import EXTERNALS_FOLDER, MODELS_FOLDER
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.rendering import header
from dg_sqlmesh_codegen.version import __version__

# The files that list the modules of their folder.
INDEXED = {PurePosixPath(name, "__init__.py"): name for name in (MODELS_FOLDER, EXTERNALS_FOLDER)}
DEFINITIONS = PurePosixPath("definitions.py")
_IMPORTED = re.compile(r"^from \.([\w.]+) import ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Index:
    """How `models/__init__.py` and its like are made.

    Args:
        render: takes the name of a folder and the modules in it, returns the text.
        is_own: takes the name of a folder, returns whether a template of the user's makes it.
    """

    render: Callable[[str, Iterable[tuple[Identifier, ...]]], str]
    is_own: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What is in a package's folder: the text of each file with our banner, by its path in it."""

    out: Path
    ours: Mapping[PurePosixPath, str]


def is_edited(path: PurePosixPath, text: str, there: OnDisk, index: Index) -> bool:
    """Return whether a file that is not what comes next is not what a generation wrote, either.

    Most files say so themselves, by the digest in their banner. A list of modules holds none; it
    follows from its neighbours. To the letter, that goes for our own template in the version that
    wrote the package. Where another one may have been at work (another version, or a template of
    the user's, who may have changed it since), the list is held against the folder by the modules
    that it names alone: an edit that leaves those as they are is not told from a change of the
    template.

    Args:
        path: of the file, in the package.
        text: what is in it.
        there: the package.
        index: renders the lists.
    """
    if path in INDEXED:
        return _is_edited_list(INDEXED[path], text.replace("\r\n", "\n"), there, index)
    if path.name == "__init__.py" and not header.is_stamped(text):
        return header.has_body(text)
    return header.is_edited(text)


def _is_edited_list(folder: str, text: str, there: OnDisk, index: Index) -> bool:
    modules = {path for path in there.ours if _is_in(folder, path)}
    # One that is gone was deleted: that is no edit of this file. Nor is what git merged.
    modules.update(_gone(text, folder, there.out))
    if text == index.render(folder, sorted(map(_module, modules))):
        return False
    if not index.is_own(folder) and _is_of_this_version(there):
        return True
    expected = {".".join(_module(path)) for path in modules}
    try:
        found = set(_listed(ast.parse(text)))
    except (SyntaxError, ValueError):
        return True
    # A template that names no module as ours does: nobody knows how to read its list.
    return bool(found & expected) and found != expected


def _is_of_this_version(there: OnDisk) -> bool:
    return f'"dg_sqlmesh_codegen/version": "{__version__}"' in there.ours.get(DEFINITIONS, "")


def _listed(tree: ast.Module) -> Iterator[str]:
    """Yield the modules beside this one that it both imports and uses."""
    nodes = list(ast.walk(tree))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            names = {alias.asname or alias.name for alias in node.names}
            yield from [node.module] if used & names else []


def _gone(text: str, folder: str, out: Path) -> Iterator[PurePosixPath]:
    """Yield the modules that a list of modules imports and that are not there."""
    for name in _IMPORTED.findall(text):
        path = PurePosixPath(folder, *name.split(".")).with_suffix(".py")
        if not (out / path).exists():
            yield path


def _is_in(folder: str, path: PurePosixPath) -> bool:
    return path.parts[0] == folder and path.name != "__init__.py"


def _module(path: PurePosixPath) -> tuple[Identifier, ...]:
    return tuple(map(Identifier, path.with_suffix("").parts[1:]))
