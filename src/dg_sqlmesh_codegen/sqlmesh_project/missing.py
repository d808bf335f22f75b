"""What a project lacks that cannot be loaded: all of it, where SQLMesh stops at the first."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

# SQLMesh documentation, "Project structure": the folders whose Python a load imports.
IMPORTED = ("audits", "linter", "macros", "materializations", "models", "signals")
_SEED = re.compile(r"\bkind\s+SEED\b.*?\bpath\s+(['\"])(.+?)\1", re.IGNORECASE | re.DOTALL)


def missing(folder: Path) -> list[str]:
    """Return what a project needs and is not there, each with the first file that needs it.

    These are packages and environment variables of its Python, and seed files.
    """
    found: dict[str, Path] = {}
    python = [path for name in IMPORTED for path in sorted(folder.glob(f"{name}/**/*.py"))]
    for path in [*folder.glob("config.py"), *python]:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for name in _imports(tree):
            own = (folder / name).exists() or (folder / f"{name}.py").exists()
            if not own and name not in sys.modules and find_spec(name) is None:
                found.setdefault(f"the package {name}", path)
        for name in _variables(tree):
            # What a config.py lacks is not needed, or was told already (`configurations`).
            if name not in os.environ and path.parent != folder:
                found.setdefault(f"the environment variable {name}", path)
    for path in sorted(folder.glob("models/**/*.sql")):
        for _, seed in _SEED.findall(path.read_text(encoding="utf-8", errors="replace")):
            if "@" not in seed and not (path.parent / seed.replace("$root", str(folder))).exists():
                found.setdefault(f"the seed file {seed}", path)
    return [f"{what} ({path.relative_to(folder)})" for what, path in found.items()]


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield the top-level packages that a module imports when it is imported itself."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)


def _variables(tree: ast.Module) -> Iterator[str]:
    """Yield the environment variables that a module cannot do without: `os.environ["NAME"]`."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(ast.Attribute(attr="environ"), ast.Constant(str(name)), ast.Load()):
                yield name
