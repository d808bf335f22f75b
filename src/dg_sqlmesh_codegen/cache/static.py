"""A look at a SQLMesh project's code: what can loading it read besides the project's own files?

Sound rather than clever: what this look does not understand is `Unknowable`, and the project is
loaded. SQL and YAML read environment variables by name. Python may only compute: it reads no file,
no clock and no environment variable.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dg_sqlmesh_codegen.sqlmesh_project.missing import IMPORTED

_NAMED = re.compile(r"\benv_var\s*\(\s*(['\"])([^'\"]+)\1\s*[,)]")
# What python-dotenv replaces in a value (its README: "Variable expansion").
_EXPANDED = re.compile(r"\$\{([^}:]+)")
_SEED_PATH = re.compile(r"\bpath\s+(['\"])(.+?)\1", re.IGNORECASE)
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
    # Modules that the known modules import, and names as text.
    *("_os", "_sys", "attrgetter", "builtins", "environ", "getenv", "io", "methodcaller", "os"),
    *("random", "sys", "time"),
}
# Paths have these, too. SQLGlot's expressions and matches of `re` have others of that name.
_ATTRIBUTES_OF_PATHS = {"group", "walk"}
_Import = ast.Import | ast.ImportFrom


class Unknowable(Exception):  # noqa: N818 - no error: the project is loaded instead
    """A load may read what this look cannot tell."""


@dataclass(frozen=True, slots=True)
class Project:
    """A SQLMesh project: its folder, and the text of its files by absolute path."""

    root: Path
    files: Mapping[Path, str]

    @classmethod
    def of(cls, root: Path, files: Mapping[Path, bytes]) -> Project:
        """Return the project in a folder, of files that may lie elsewhere, too."""
        inner = {path: text for path, text in files.items() if path.is_relative_to(root)}
        return cls(root, {path: text.decode(errors="replace") for path, text in inner.items()})

    def below(self, folders: set[str], suffix: str) -> list[Path]:
        """Return the files with this suffix in some of the project's folders."""
        found = [path for path in self.files if path.suffix == suffix]
        return [path for path in found if path.relative_to(self.root).parts[0] in folders]


def environment_variables(project: Project) -> set[str]:
    """Return the names of the environment variables that loading a project reads.

    Raises:
        Unknowable: a load may read something else than these and the project's files.
    """
    if project.root / "dbt_project.yml" in project.files or not _only_computes(project):
        raise Unknowable
    return {name for path in project.files for name in _named(path, project)}


def _named(path: Path, project: Project) -> Iterator[str]:
    text = project.files[path]
    if path.name == ".env":
        yield from _EXPANDED.findall(text)
    elif path.suffix in (".sql", ".yaml", ".yml"):
        calls = text.count("env_var")
        named = [name for _, name in _NAMED.findall(text)] if calls else []
        if len(named) != calls:
            raise Unknowable  # a name is computed
        yield from named
        for _, name in _SEED_PATH.findall(text) if "seed" in text.lower() else ():
            seed = name.replace("$root", str(project.root))
            if Path(os.path.normpath(path.parent / seed)) not in project.files:
                raise Unknowable


def _only_computes(project: Project) -> bool:
    """Look at all Python that a load may run: its folders, and what they import of the project."""
    trees: dict[Path, ast.Module] = {}
    own: set[str] = set()
    waiting = [*project.below({"config.py"}, ".py"), *project.below({*IMPORTED}, ".py")]
    while waiting:
        path = waiting.pop()
        if path not in trees:
            try:
                trees[path] = ast.parse(project.files[path])
            except (SyntaxError, ValueError) as error:
                raise Unknowable from error
            for name in _top_level(trees[path]):
                if modules := project.below({name, f"{name}.py"}, ".py"):
                    own.add(name)
                    waiting += modules
    models = project.root / "models"
    for path, tree in trees.items():
        # A load does not run the body of a python model, unless that returns SQL.
        if path.is_relative_to(models) and "is_sql" not in project.files[path]:
            trees[path] = _without_bodies(tree, own)
    return all(_is_pure(tree, own) for tree in trees.values())


def _without_bodies(tree: ast.Module, own: set[str]) -> ast.Module:
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
        elif isinstance(node, _Import) and not _is_known(node, own):
            hidden |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            kept.append(node)
    used = {node.id for node in ast.walk(ast.Module(kept, [])) if isinstance(node, ast.Name)}
    return tree if used & hidden or "*" in hidden else ast.Module(kept, [])


def _is_pure(tree: ast.Module, own: set[str]) -> bool:
    paths = "pathlib" in _top_level(tree)
    attributes = _ATTRIBUTES | _ATTRIBUTES_OF_PATHS if paths else _ATTRIBUTES
    for node in ast.walk(tree):
        if isinstance(node, _Import) and not _is_known(node, own):
            return False
        if isinstance(node, ast.Name) and node.id in _BUILT_IN | attributes:
            return False
        if isinstance(node, ast.Attribute) and node.attr in attributes:
            return False
    return True


def _is_known(node: _Import, own: set[str]) -> bool:
    names = {part for alias in node.names for part in alias.name.split(".")}
    return not names & {"*", *_BUILT_IN, *_ATTRIBUTES} and all(
        module in _MODULES or module.partition(".")[0] in {*own, "sqlglot"}
        for module in _modules(node)
    )


def _top_level(tree: ast.Module) -> set[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, _Import)]
    return {module.partition(".")[0] for node in nodes for module in _modules(node)}


def _modules(node: _Import) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [] if node.level else [node.module or ""]
