"""Whether rendering a project's models may read what a load from SQLMesh's cache does not show.

A model that SQLMesh finds in its own `.cache` is not rendered, so its macros do not run: nobody
sees which environment variables, files or programs they ask. Where all that a project's Python
imports is SQLMesh and plain computation, there is nothing to see.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping

from .before import Before

_PURE = {
    *("__future__", "abc", "calendar", "collections", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "hashlib", "itertools", "json", "math", "operator", "re", "string"),
    *("textwrap", "types", "typing", "typing_extensions", "sqlglot", "sqlmesh"),
}
# Built in, and ways around an import or to a file.
_WAYS_OUT = {"__import__", "compile", "eval", "exec", "open"}
_DBT = "dbt_project.yml"  # its models may call `env_var`
_MODELS = f"models{os.sep}"  # python models are imported by every load, and never run by one


def may_hide(before: Before) -> bool:
    """Return whether a load of these projects may hide what macros read.

    Args:
        before: what lies in the projects' folders.
    """
    return any(_is_impure(root, paths) for root, paths in before.trees.items())


def _is_impure(root: str, paths: Mapping[str, str]) -> bool:
    if _DBT in paths:
        return True
    own = {path.split(os.sep, maxsplit=1)[0].removesuffix(".py") for path in paths}
    modules = (path for path in paths if path.endswith(".py") and not path.startswith(_MODELS))
    return any(_reaches_out(os.path.join(root, path), own) for path in modules)


def _reaches_out(path: str, own: Iterable[str]) -> bool:
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return True  # whoever loads it will say what is wrong with it
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return bool(used & _WAYS_OUT) or not {*_imported(tree)} <= {*_PURE, *own}


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the first part of what is imported; what is relative is the project's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
