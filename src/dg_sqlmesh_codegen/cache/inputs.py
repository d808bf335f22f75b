"""All that went into a package, and whether it is the same."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dg_sqlmesh_codegen.config.model import Config

from . import trees
from .before import Before
from .library import is_library
from .observe import Seen
from .variables import Variables

# A module that was imported before its file was changed is not what the file says.
_STARTED = time.time_ns()
# What a file's times may lag behind the clock.
_TICK = 20_000_000
# What SQLMesh's own cache of models looks at, besides `config.*`: the files' modification times.
_MODELS = "models"
_WATCHED = {_MODELS, "audits", "macros", "signals"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What went into a package, so that nobody has to ask SQLMesh again.

    Args:
        before: what could be known before.
        variables: the environment variables that count.
        files: tokens of files outside of the trees that were read.
        folders: tokens of folders outside of the trees that were listed.
        modules: the same of those that Python imports from.
        read: files of the trees that were opened; SQLMesh opens none that its cache holds.
    """

    before: Before
    variables: Variables
    files: Mapping[str, str]
    folders: Mapping[str, str]
    modules: Mapping[str, str]
    read: frozenset[str]

    @classmethod
    def of(cls, before: Before, config: Config, seen: Seen, known: Inputs | None) -> Inputs | None:
        """Put together what a load has read, or None where that cannot be known.

        Args:
            before: as it was when the load began.
            config: of the generation.
            seen: what the load touched.
            known: of an earlier load: what it saw is kept, because a load that finds a model in
                SQLMesh's cache does not touch what rendering that model did.

        Raises:
            OSError: a folder that cannot be listed.
        """
        if seen.leaves or _changed_meanwhile(before, Before.of(config, before.path), seen):
            return None
        files = {path for path in seen.files | seen.loaded if not before.covers(path)}
        folders, modules = {*seen.folders, _personal()}, {*seen.imports, *_importable()}
        names, whole, read = frozenset(seen.names), seen.whole, frozenset(seen.files)
        if known:
            files.update(known.files)
            names |= frozenset(known.variables.names)
            whole |= known.variables.whole
            read |= known.read
        return cls(
            before=before,
            variables=Variables.of(names, whole),
            files={path: trees.token(path) for path in files},
            folders={path: trees.names(path, before.ignored) for path in _outer(folders, before)},
            modules={path: trees.modules(path, before.ignored) for path in _outer(modules, before)},
            read=frozenset(filter(before.within, read)),
        )

    def same(self, before: Before) -> bool:
        """Whether all of it is as it was; what costs least is asked first."""
        return (
            self.variables.same and self.before.same(before) and self._same_outside(before.ignored)
        )

    def misleads(self, before: Before) -> bool:
        """Whether SQLMesh's own cache may take something for unchanged that has changed.

        Its entries go by the modification times of models, macros, audits, signals and `config.*`.
        Not by what those import, open or read of the environment; nor is a time a proof.
        """
        return (
            not self.variables.same
            or not self._same_outside(before.ignored)
            or any(self._unnoticed(root, path) for root, path in self.before.changed(before))
        )

    def _same_outside(self, ignored: frozenset[str]) -> bool:
        return (
            all(trees.token(path) == each for path, each in self.files.items())
            and all(trees.names(path, ignored) == each for path, each in self.folders.items())
            and all(trees.modules(path, ignored) == each for path, each in self.modules.items())
        )

    def _unnoticed(self, root: str, path: str) -> bool:
        absolute, first = f"{root}{os.sep}{path}", path.split(os.sep, maxsplit=1)[0]
        if path.endswith("/"):
            return False
        if first not in _WATCHED and not path.startswith("config."):
            return path.endswith(".py") or absolute in self.read
        try:
            # Later than everything that SQLMesh had seen.
            return os.stat(absolute).st_mtime_ns <= self.before.at
        except OSError:
            return first != _MODELS  # nobody asks for a model that is gone


def _changed_meanwhile(before: Before, after: Before, seen: Seen) -> bool:
    """Whether what was read may be something else than what is there now."""
    outside = (path for path in seen.files if not before.covers(path))
    return (
        not before.same(after)
        or any(_changed_since(path, before.at) for path in outside)
        or any(_changed_since(path, _STARTED) for path in seen.loaded)
    )


def _changed_since(path: str, nanoseconds: int) -> bool:
    try:
        return os.stat(path).st_ctime_ns > nanoseconds - _TICK
    except OSError:
        return False


def _outer(folders: set[str], before: Before) -> Iterator[str]:
    return (path for path in folders if not before.covers(f"{path}{os.sep}"))


def _personal() -> str:
    """Return the folder of the user's own SQLMesh configuration (SQLMesh: "Configuration")."""
    return os.environ.get("SQLMESH_HOME") or os.path.expanduser("~/.sqlmesh")


def _importable() -> set[str]:
    """Return the folders that Python imports from and whose contents are nobody's release."""
    folders = {os.path.abspath(folder) for folder in sys.path}
    return {folder for folder in folders if not is_library(folder)}
