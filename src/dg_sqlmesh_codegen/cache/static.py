"""A look at a SQLMesh project's code: what can loading it read besides the project's own files?

Sound rather than clever: what this look does not understand is `Unknowable`, and the project is
loaded. SQL and YAML read environment variables by name. Python is only believed to compute.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .pure_python import imported_modules, is_pure, without_bodies

# SQLMesh documentation, "Project structure": the folders whose Python a load imports.
_IMPORTED = {"audits", "linter", "macros", "materializations", "models", "signals"}
_CALLED = re.compile(r"\benv_var\b")
_NAMED = re.compile(r"\benv_var\s*\(\s*(['\"])([^'\"]+)\1\s*[,)]")
# What python-dotenv replaces in a value (its README: "Variable expansion").
_EXPANDED = re.compile(r"\$\{([^}:]+)")
_SEED_PATH = re.compile(r"\bpath\s+(['\"])(.+?)\1", re.IGNORECASE)


class Unknowable(Exception):  # noqa: N818 - no error: the project is loaded instead
    """A load may read what this look cannot tell."""


@dataclass(frozen=True, slots=True)
class Project:
    """A SQLMesh project: its folder, and the text of its files by absolute path."""

    root: Path
    files: Mapping[Path, str]

    def below(self, folders: set[str], suffix: str) -> list[Path]:
        """Return the files with this suffix in some of the project's folders."""
        return [
            path
            for path in self.files
            if path.suffix == suffix and path.relative_to(self.root).parts[0] in folders
        ]


def environment_variables(project: Project) -> set[str]:
    """Return the names of the environment variables that loading a project reads.

    Raises:
        Unknowable: a load may read something else than these and the project's files.
    """
    if project.root / "dbt_project.yml" in project.files or not _computes(project):
        raise Unknowable
    return {name for path in project.files for name in _named(path, project)}


def _named(path: Path, project: Project) -> Iterator[str]:
    text = project.files[path]
    if path.name == ".env":
        yield from _EXPANDED.findall(text)
    elif path.suffix in (".sql", ".yaml", ".yml"):
        named = [name for _, name in _NAMED.findall(text)]
        if len(named) != len(_CALLED.findall(text)):
            raise Unknowable  # a name is computed
        yield from named
        for _, name in _SEED_PATH.findall(text) if "seed" in text.lower() else ():
            seed = name.replace("$root", str(project.root))
            if Path(os.path.normpath(path.parent / seed)) not in project.files:
                raise Unknowable


def _computes(project: Project) -> bool:
    """Look at all Python that a load may run: its folders, and what they import of the project."""
    trees: dict[Path, ast.Module] = {}
    own: set[str] = set()
    waiting = [*project.below({"config.py"}, ".py"), *project.below(_IMPORTED, ".py")]
    while waiting:
        path = waiting.pop()
        if path not in trees:
            trees[path] = _parsed(project.files[path])
            for name in imported_modules(trees[path]):
                modules = project.below({name, f"{name}.py"}, ".py")
                own |= {name} if modules else set()
                waiting += modules
    models = project.root / "models"
    for path, tree in trees.items():
        # A load does not run the body of a python model, unless that returns SQL.
        if path.is_relative_to(models) and "is_sql" not in project.files[path]:
            trees[path] = without_bodies(tree, own)
    return all(is_pure(tree, own) for tree in trees.values())


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise Unknowable from error
