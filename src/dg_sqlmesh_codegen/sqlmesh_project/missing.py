"""What a project lacks that cannot be loaded: all of it, where SQLMesh stops at the first."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

# SQLMesh documentation, "Project structure": the folders whose Python a load imports.
IMPORTED = ("audits", "linter", "macros", "materializations", "models", "signals")
_SEED = re.compile(r"\bkind\s+SEED\b.*?\bpath\s+(['\"])(.+?)\1", re.IGNORECASE | re.DOTALL)


def missing(folder: Path) -> Iterator[str]:
    """Yield the packages and seed files of a project that are not there, each with its reader."""
    packages: dict[str, Path] = {}
    python = [path for name in IMPORTED for path in sorted(folder.glob(f"{name}/**/*.py"))]
    for path in [*folder.glob("config.py"), *python]:
        for name in _imports(path):
            packages.setdefault(name, path)
    for name, path in packages.items():
        own = (folder / name).exists() or (folder / f"{name}.py").exists()
        if not own and name not in sys.modules and find_spec(name) is None:
            yield f"the package {name} ({path.relative_to(folder)})"
    for path in sorted(folder.glob("models/**/*.sql")):
        for _, seed in _SEED.findall(path.read_text(encoding="utf-8", errors="replace")):
            if "@" not in seed and not (path.parent / seed.replace("$root", str(folder))).exists():
                yield f"the seed file {seed} ({path.relative_to(folder)})"


def _imports(path: Path) -> Iterator[str]:
    """Yield the top-level packages that a module imports when it is imported itself."""
    try:
        nodes: list[ast.AST] = [ast.parse(path.read_bytes())]
    except (SyntaxError, ValueError):
        return
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)
