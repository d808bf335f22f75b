"""Import the translator that the configuration names, `package.module:Class`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from dg_sqlmesh_codegen.errors import SettingError

from .translator import SQLMeshTranslator

_KEY = "translator"
_PROJECT_FILES = ("pyproject.toml", "dg.toml")


def load(path: str | None, root: Path | None = None) -> SQLMeshTranslator:
    """Import a translator.

    Args:
        path: `package.module:Class`; None is the default translator.
        root: the folder of the file that names the translator. It is searched after Python's own
            path and the working directory, with the nearest folder above it that contains a
            pyproject.toml or dg.toml, and the `src` folder of both.

    Raises:
        SettingError: the module cannot be imported, it has no such class, or the class is not a
            subclass of `SQLMeshTranslator`.
    """
    if path is None:
        return SQLMeshTranslator()
    name = path.partition(":")[2]
    with _importable(root):
        module = _module(path)
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, SQLMeshTranslator)):
        what = "has no such class" if found is None else "is no subclass of SQLMeshTranslator"
        raise SettingError(
            _KEY,
            f"the translator {path} {what}",
            detail=f"it was looked for in {getattr(module, '__file__', None) or module.__name__}",
            hint="Write a class that inherits dg_sqlmesh_codegen.SQLMeshTranslator.",
        )
    try:
        return found()
    except (Exception, SystemExit) as error:
        raise SettingError(
            _KEY,
            f"the translator {path} cannot be made",
            detail=f"{type(error).__name__}: {error}",
            hint="It is made without arguments; --debug shows where it fails.",
        ) from error


def _module(path: str) -> ModuleType:
    try:
        return import_module(path.partition(":")[0])
    except (Exception, SystemExit) as error:
        # Importing runs the user's code, so anything can come.
        raise SettingError(
            _KEY,
            f"the translator {path} does not import",
            detail=f"{type(error).__name__}: {error}",
            hint="It is imported from Python's path, the working directory, and the folder of the "
            "file that names it and its project; --debug shows where it fails.",
        ) from error


@contextmanager
def _importable(root: Path | None) -> Iterator[None]:
    folders = [Path.cwd(), *(_roots(root.absolute()) if root else ())]
    added = [text for text in map(str, folders) if text not in sys.path]
    sys.path.extend(added)  # behind everything: a folder may not hide an installed package
    try:
        yield
    finally:
        sys.path[:] = [text for text in sys.path if text not in added]


def _roots(folder: Path) -> Iterator[Path]:
    yield from (folder, folder / "src")
    for above in (folder, *folder.parents):
        if any((above / name).is_file() for name in _PROJECT_FILES):
            yield from (above, above / "src")
            return
