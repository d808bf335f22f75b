"""`translator = "package.module:Class"` -> an instance of that class."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from .errors import UsageError
from .translator import SQLMeshTranslator


def load(path: str | None, root: Path | None = None) -> SQLMeshTranslator:
    """Import a translator.

    Args:
        path: "package.module:Class"; None is the default translator.
        root: a folder to import from besides Python's own path and the working directory: that of
            the file that names the translator, and its `src`.

    Raises:
        UsageError: the module does not import, has no such class, or it is no translator.
    """
    if path is None:
        return SQLMeshTranslator()
    module, _, name = path.partition(":")
    with _importable(root):
        try:
            found = getattr(import_module(module), name, None)
        except Exception as error:
            # Importing runs the user's code, so anything can come.
            raise UsageError(
                f"the translator {path} does not import",
                detail=f"{type(error).__name__}: {error}",
                hint="It is imported from Python's path, the working directory, and the folder "
                "of the file that names it; --debug shows where it fails.",
            ) from error
    if not (isinstance(found, type) and issubclass(found, SQLMeshTranslator)):
        what = "has no such class" if found is None else "is no subclass of SQLMeshTranslator"
        raise UsageError(
            f"the translator {path} {what}",
            hint="Write a class that inherits dg_sqlmesh_codegen.SQLMeshTranslator.",
        )
    try:
        return found()
    except Exception as error:
        raise UsageError(
            f"the translator {path} cannot be made without arguments",
            detail=f"{type(error).__name__}: {error}",
        ) from error


@contextmanager
def _importable(root: Path | None) -> Iterator[None]:
    folders = [Path.cwd(), *((root, root / "src") if root else ())]
    added = [text for folder in folders if (text := str(folder.absolute())) not in sys.path]
    sys.path.extend(added)  # behind everything: a folder may not hide an installed package
    try:
        yield
    finally:
        sys.path[:] = [text for text in sys.path if text not in added]
