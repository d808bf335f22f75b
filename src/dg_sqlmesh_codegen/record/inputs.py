"""All that goes into a package: before its project is loaded, after it, and is it the same."""

from __future__ import annotations

import hashlib
import locale
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Config
from ..version import __version__
from . import trees
from .library import TOOL, is_library
from .observe import Seen
from .variables import Variables

# A module that was imported before its file was changed is not what the file says.
_STARTED = time.time_ns()
# Beside `src` in a checkout (`render.template_dir`); an installed tool has them inside.
_TEMPLATES = str(Path(TOOL).parents[1] / "codegen_templates")
# What a file's times may lag behind the clock.
_TICK = 20_000_000


@dataclass(frozen=True, slots=True)
class Before:
    """What can be known without loading anything.

    Args:
        at: when it was looked at, in nanoseconds.
        facts: a digest of the configuration, this tool, Python, and all installed versions.
        trees: contents by root: the projects, and the user's templates.
        ignored: the output folder and those above it, as names in other folders.
    """

    at: int
    facts: str
    trees: Mapping[str, Mapping[str, str]]
    ignored: frozenset[str]

    @classmethod
    def of(cls, config: Config) -> Before:
        """Look at everything.

        Raises:
            OSError: a folder that cannot be listed.
        """
        out = config.out.resolve()
        roots = [path.resolve() for path in (*config.projects, config.templates) if path]
        skipped = frozenset({str(out), str(config.out.absolute())})
        return cls(
            at=time.time_ns(),
            facts=_facts(config),
            trees={str(root): trees.tree(str(root), skipped) for root in roots},
            ignored=frozenset(map(str, (out, *out.parents))),
        )


@dataclass(frozen=True, slots=True)
class Inputs:
    """What went into a package, so that nobody has to ask SQLMesh again.

    Args:
        before: what could be known before.
        variables: the environment variables that count.
        files: tokens of files outside of the trees that were read.
        folders: tokens of folders outside of the trees that were listed.
        modules: the same of those that Python imports from.
        written: files of the trees that the loading itself wrote.
    """

    before: Before
    variables: Variables
    files: Mapping[str, str]
    folders: Mapping[str, str]
    modules: Mapping[str, str]
    written: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, before: Before, config: Config, seen: Seen) -> Inputs | None:
        """Put together what a load has read, or None where that cannot be known.

        Args:
            before: as it was when the load began.
            config: of the generation.
            seen: what the load touched.

        Raises:
            OSError: a folder that cannot be listed.
        """
        if seen.leaves or _changed_meanwhile(before, Before.of(config), seen):
            return None
        files = {path for path in seen.files | seen.loaded if _counts(path, before)}
        folders = {*seen.folders, _personal()}
        modules = {*seen.imports, *_importable()}
        return cls(
            before=before,
            variables=Variables.of(frozenset(seen.names), seen.whole),
            files={path: trees.token(path) for path in files},
            folders={
                path: trees.names(path, before.ignored)
                for path in folders
                if _counts(f"{path}{os.sep}", before)
            },
            modules={
                path: trees.modules(path, before.ignored)
                for path in modules
                if _counts(f"{path}{os.sep}", before)
            },
            written=frozenset(seen.written),
        )

    def same(self, before: Before) -> bool:
        """Whether all of it is as it was; what costs least is asked first."""
        return (
            self.before.facts == before.facts
            and self.variables.same
            and _same(self.before, before, self.written)
            and all(trees.token(path) == each for path, each in self.files.items())
            and all(
                trees.names(path, before.ignored) == each for path, each in self.folders.items()
            )
            and all(
                trees.modules(path, before.ignored) == each for path, each in self.modules.items()
            )
        )


def _changed_meanwhile(before: Before, after: Before, seen: Seen) -> bool:
    """Whether what was read may be something else than what is there now."""
    return (
        before.facts != after.facts
        or not _same(before, after, frozenset(seen.written))
        or any(_changed_since(path, before.at) for path in seen.files)
        or any(_changed_since(path, _STARTED) for path in seen.loaded)
    )


def _changed_since(path: str, nanoseconds: int) -> bool:
    try:
        return os.stat(path).st_ctime_ns > nanoseconds - _TICK
    except OSError:
        return False


def _same(one: Before, other: Before, written: frozenset[str]) -> bool:
    return one.trees.keys() == other.trees.keys() and all(
        f"{root}{os.sep}{path}" in written
        for root, tree in one.trees.items()
        for path in trees.differences(tree, other.trees[root])
    )


def _counts(path: str, before: Before) -> bool:
    """Whether a path is not in the trees already, nor a part of what a load leaves behind."""
    for root, tree in before.trees.items():
        if path.startswith(f"{root}{os.sep}"):
            inner = path[len(root) + 1 :]
            return bool(inner) and inner not in tree and not trees.is_transient(path, root)
    return True


def _facts(config: Config) -> str:
    """Return a digest of all that is the same for every file."""
    tool = [trees.tree(folder) for folder in (TOOL, _TEMPLATES) if os.path.isdir(folder)]
    python = [sys.version, sys.platform, sys.prefix, sys.path, locale.getpreferredencoding(False)]
    facts = [
        __version__,
        [sorted(each.items()) for each in tool],
        python,
        os.getcwd(),
        [_installed(folder) for folder in sys.path],
        repr(config),
        str(config.out.resolve()),
    ]
    return hashlib.blake2b(os.fsencode(repr(facts)), digest_size=16).hexdigest()


def _installed(folder: str) -> object:
    """Return the distributions of a folder; an archive on the path is one as a whole."""
    if os.path.isfile(folder):
        return trees.token(folder)
    if not os.path.isdir(folder) or not is_library(folder):
        return None
    with os.scandir(folder) as entries:
        return sorted(
            (entry.name, entry.stat().st_mtime_ns)
            for entry in entries
            if entry.name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))
        )


def _personal() -> str:
    """Return the folder of the user's own SQLMesh configuration (SQLMesh: "Configuration")."""
    return os.environ.get("SQLMESH_HOME") or os.path.expanduser("~/.sqlmesh")


def _importable() -> set[str]:
    """Return the folders that Python imports from and whose contents are nobody's release."""
    folders = {os.path.abspath(folder) for folder in sys.path}
    return {folder for folder in folders if not is_library(folder)}
