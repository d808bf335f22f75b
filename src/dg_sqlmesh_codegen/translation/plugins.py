"""Import the translator that the configuration names, `package.module:Class`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from dg_sqlmesh_codegen.errors import SettingError

from .translator import SQLMeshTranslator

_KEY = "translator"
_PROJECT_FILES = ("pyproject.toml", "dg.toml")
_NO_ARGUMENTS = "It is made without arguments; --debug shows where it fails."
_SEARCHED = (
    "It is imported from Python's path, the working directory, and the folder of the "
    "file that names it and its project; --debug shows where it fails."
)


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
    module_name, _, name = path.partition(":")
    with importable(root), _reported(path, "does not import", _SEARCHED):
        module = import_module(module_name)
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, SQLMeshTranslator)):
        what = "has no such class" if found is None else "is not a subclass of SQLMeshTranslator"
        raise SettingError(
            _KEY,
            f"the translator {path} {what}",
            detail=f"it was looked for in {getattr(module, '__file__', None) or module.__name__}",
            hint="Write a class that inherits dg_sqlmesh_codegen.SQLMeshTranslator.",
        )
    with _reported(path, "cannot be made", _NO_ARGUMENTS):
        return found()


@contextmanager
def _reported(path: str, problem: str, hint: str) -> Iterator[None]:
    """Turn any error of the user's code, which runs here, into one line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        detail = f"{type(error).__name__}: {error}"
        raise SettingError(
            _KEY, f"the translator {path} {problem}", detail=detail, hint=hint
        ) from error


@contextmanager
def importable(root: Path | None) -> Iterator[None]:
    """Search a translator's folders, too; its methods may import what lies beside it."""
    folders = [Path.cwd(), *(_roots(root.absolute()) if root else ())]
    added = [text for text in map(str, folders) if text not in sys.path]
    sys.path.extend(added)  # last: a folder must not hide an installed package
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
