"""Python code that only computes: it reads no file, no clock and no environment variable."""

from __future__ import annotations

import ast

_MODULES = {
    *("__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal"),
    *("enum", "fractions", "functools", "hashlib", "itertools", "json", "math", "operator"),
    *("pathlib", "re", "sqlglot", "statistics", "string", "textwrap", "types", "typing"),
    *("typing_extensions", "sqlmesh", "sqlmesh.core.config", "sqlmesh.core.config.connection"),
    *("sqlmesh.core.dialect", "sqlmesh.core.macros", "sqlmesh.core.model"),
    *("sqlmesh.core.model.kind", "sqlmesh.core.signal", "sqlmesh.utils.errors"),
}
_BUILT_IN = {
    *("__builtins__", "__import__", "__loader__", "__spec__", "compile", "delattr", "eval", "exec"),
    *("getattr", "globals", "input", "locals", "open", "setattr", "vars"),
}
# Attributes that ask the clock, the file system or the warehouse, or reach hidden names.
_ATTRIBUTES = {
    *("__dict__", "__globals__", "__subclasses__", "now", "today", "utcnow", "Context"),
    *("connection", "cursor", "engine_adapter", "cwd", "exists", "expanduser", "glob", "home"),
    *("is_dir", "is_file", "is_symlink", "iterdir", "lstat", "open", "owner", "read_bytes"),
    *("read_text", "readlink", "rglob", "samefile", "stat"),
}
# Of a path they do so, too. SQLGlot's expressions and matches of `re` have such names as well.
_ATTRIBUTES_OF_PATHS = {"group", "walk"}


def is_pure(tree: ast.AST, own: set[str]) -> bool:
    """Return whether the code only computes.

    Args:
        tree: the code.
        own: top-level modules of the project, which are looked at by themselves.
    """
    paths = "pathlib" in imported_modules(tree)
    attributes = _ATTRIBUTES | _ATTRIBUTES_OF_PATHS if paths else _ATTRIBUTES
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and not _is_known(node, own):
            return False
        if isinstance(node, ast.Name) and node.id in _BUILT_IN | attributes:
            return False
        if isinstance(node, ast.Attribute) and node.attr in attributes:
            return False
    return True


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the top-level names of the modules that the code imports."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {module.partition(".")[0] for node in nodes for module in _modules(node)}


def without_bodies(tree: ast.Module, own: set[str]) -> ast.Module:
    """Return a module as far as importing it runs: without the bodies of its functions.

    Such a body may need any library, so imports of libraries are left out, too. Where something
    that runs uses these, or a function, the whole module counts.
    """
    hidden, kept = set[str](), list[ast.stmt]()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden.add(node.name)
            run = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
            kept += [ast.Expr(each) for each in run]
        elif isinstance(node, ast.Import | ast.ImportFrom) and not _is_known(node, own):
            hidden |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            kept.append(node)
    used = {node.id for node in ast.walk(ast.Module(kept, [])) if isinstance(node, ast.Name)}
    return tree if used & hidden else ast.Module(kept, [])


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [] if node.level else [node.module or ""]


def _is_known(node: ast.Import | ast.ImportFrom, own: set[str]) -> bool:
    names = {part for alias in node.names for part in alias.name.split(".")}
    return not names & {"*", *_BUILT_IN, *_ATTRIBUTES} and all(
        module in _MODULES or module.partition(".")[0] in {*own, "sqlglot"}
        for module in _modules(node)
    )
