"""All that a generation is made from, as digests."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering.template_dir import template_dir
from dg_sqlmesh_codegen.version import __version__

from .static import Project, Unknowable, environment_variables

_TOOL = Path(__file__).parents[1]
# What tools leave in a project. Code or a seed that leads there is not believed (`static`).
_SKIPPED = {".git", ".hg", ".idea", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
_SKIPPED_AT_ROOT = {*_SKIPPED, ".cache", ".nox", ".tox", "logs", "node_modules"}
_SKIPPED_FILES = (
    ".holder",
    ".lock",
    ".db",
    ".ddb",
    ".duckdb",
    ".log",
    ".pyc",
    ".sqlite",
    ".sqlite3",
    ".wal",
)
_CODE = {".py", ".sql", ".yaml", ".yml"}
_LARGEST_BYTES = 2**25
# SQLMesh reads the user's own configuration, and all variables that start with its name.
_PERSONAL, _PREFIX = "~/.sqlmesh", "SQLMESH"
# What finds that folder, and what `user()` in YAML asks for.
_ALWAYS = ("HOME", "LNAME", "LOGNAME", "TZ", "USER", "USERNAME", "USERPROFILE")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests: of everything but the contents of SQL models, and of each SQL model."""

    shared: str
    models: dict[str, str]


def inputs_of(config: Config) -> Inputs | None:
    """Read everything that a generation is made from.

    Returns:
        None where a load may read something else: code that opens files or asks the clock, a dbt
        project, a translator, a folder that cannot be read.
    """
    if config.translator:
        return None
    try:
        files = {path: path.read_bytes() for path in _files(config)}
        projects = [Project.of(path.resolve(), files) for path in config.projects]
        names = {name for project in projects for name in environment_variables(project)}
    except (OSError, Unknowable):
        return None
    digests = {str(path): _digest(text) for path, text in sorted(files.items())}
    sql = {str(path) for project in projects for path in project.below({"models"}, ".sql")}
    models = {path: digests.pop(path) for path in sorted(sql)}
    return Inputs(_digest(repr([_facts(config), _environment(names), digests]).encode()), models)


def _files(config: Config) -> Iterator[Path]:
    roots = [*config.projects, *filter(None, [config.templates]), template_dir(), _TOOL]
    for root in roots:
        yield from _below(root.resolve(), config.out.resolve())
    personal = Path(os.environ.get("SQLMESH_HOME") or os.path.expanduser(_PERSONAL))
    for path in personal.glob("config.*"):
        if b"{{" in path.read_bytes():
            raise Unknowable
        yield path


def _below(root: Path, out: Path) -> Iterator[Path]:
    """Yield the files below a folder; links are followed, each folder once."""
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_raise):
        here, real = Path(folder), os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        skipped = _SKIPPED_AT_ROOT if here == root else _SKIPPED
        inner = [here / name for name in folders if name not in skipped]
        folders[:] = [
            path.name for path in inner if path != out and not (path / "pyvenv.cfg").exists()
        ]
        paths = (here / name for name in names if not name.endswith(_SKIPPED_FILES))
        yield from (path for path in paths if path.is_file() and not _is_data(path))


def _is_data(path: Path) -> bool:
    """Return whether a file is too large to be code; as a seed it would not be believed."""
    return path.suffix not in _CODE and path.stat().st_size > _LARGEST_BYTES


def _raise(error: OSError) -> None:
    raise error


def _facts(config: Config) -> list[str]:
    """Return the configuration, the working directory, and all versions."""
    folders = filter(os.path.isdir, sys.path)
    names = {name for folder in folders for name in os.listdir(folder)}
    installed = sorted(name for name in names if name.endswith((".dist-info", ".pth")))
    versions = [__version__, sys.version, sys.platform, sys.prefix, *installed]
    return [*versions, str(Path.cwd()), repr(config), str(config.out.resolve())]


def _environment(names: set[str]) -> list[tuple[str, str | None]]:
    merged = {name for name in os.environ if name.upper().startswith(_PREFIX)}
    return [(name, os.environ.get(name)) for name in sorted({*names, *merged, *_ALWAYS})]


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()
