"""Small packages on a disk, and what can go wrong while they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.output.apply import apply
from dg_sqlmesh_codegen.output.compare import Change, Status, compare
from dg_sqlmesh_codegen.rendering.files import File
from dg_sqlmesh_codegen.rendering.header import MARK

Tree = dict[str, bytes | None]

PACKAGE = {
    "__init__.py": "",
    "definitions.py": "defs = 1\n",
    "models/__init__.py": "MODELS = ()\n",
    "models/shop/__init__.py": "",
    "models/shop/orders.py": "model = 'orders'\n",
}


def ours(text: str = "") -> str:
    return f"{MARK}. Do not edit.\n{text}"


def files(package: dict[str, str]) -> tuple[File, ...]:
    return tuple(File(PurePosixPath(path), ours(text)) for path, text in package.items())


def put(folder: Path, package: dict[str, str]) -> None:
    for file in files(package):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.text.encode())


def generate(package: dict[str, str], out: Path) -> dict[str, Status]:
    changes = compare(files(package), out)
    apply(changes, out)
    return statuses(changes)


def statuses(changes: Sequence[Change]) -> dict[str, Status]:
    return {str(change.path): change.status for change in changes}


def tree(folder: Path) -> Tree:
    """Return every file's bytes, and None for every folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def contents(tree: Tree) -> Tree:
    return {path: content for path, content in tree.items() if content is not None}


OLD = {
    "__init__.py": "",
    "audits.py": "AUDIT = 1\n",
    "definitions.py": "defs = 1\n",
    "models/__init__.py": "MODELS = (1, 2)\n",
    "models/gone/__init__.py": "",
    "models/gone/one.py": "1",
    "models/gone/deep/two.py": "2",
    "models/shop/gone.py": "3",
    "models/shop/orders.py": "model = 'orders'\n",
}
NEW = {
    "__init__.py": "",
    "audits.py": "AUDIT = 2\n",
    "definitions.py": "defs = 2\n",
    "models/__init__.py": "MODELS = (1, 2, 3)\n",
    "models/fresh/__init__.py": "",
    "models/fresh/deep/one.py": "1",
    "models/shop/another.py": "3",
    "models/shop/orders.py": "model = 'orders'\n",
}
