"""What can be known of a generation's inputs before anything is loaded."""

from __future__ import annotations

import hashlib
import locale
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.version import __version__

from . import trees
from .library import TOOL, is_library

# Beside `src` in a checkout (`render.template_dir`); an installed tool has them inside.
_TEMPLATES = str(Path(TOOL).parents[1] / "codegen_templates")


@dataclass(frozen=True, slots=True)
class Before:
    """What can be known without loading anything.

    Args:
        at: when it was looked at, in nanoseconds.
        facts: a digest of the configuration, this tool, Python, and all installed versions.
        path: where Python imports from; a project's code may add to it.
        trees: contents by root: the projects, and the user's templates.
        ignored: the output folder and those above it, as names in other folders.
    """

    at: int
    facts: str
    path: tuple[str, ...]
    trees: Mapping[str, Mapping[str, str]]
    ignored: frozenset[str]

    @classmethod
    def of(cls, config: Config, path: Sequence[str]) -> Before:
        """Look at everything.

        Args:
            config: of the generation.
            path: `sys.path` as it was when nothing was loaded yet.

        Raises:
            OSError: a folder that cannot be listed.
        """
        out = config.out.resolve()
        roots = [path.resolve() for path in (*config.projects, config.templates) if path]
        skipped = frozenset({str(out), str(config.out.absolute())})
        found = {str(root): trees.tree(str(root), skipped, str(out)) for root in roots}
        return cls(
            at=time.time_ns(),
            facts=_facts(config, path),
            path=tuple(path),
            trees=found,
            ignored=frozenset(map(str, (out, *out.parents))),
        )

    def covers(self, path: str) -> bool:
        """Whether a file, or a folder with a slash behind it, is in the trees or cannot matter."""
        for root, inner in self._inner(path):
            return not inner or inner in self.trees[root] or trees.is_transient(root, inner)
        return False

    def within(self, path: str) -> bool:
        """Whether a path is below a root, and no part of what loading leaves there."""
        return any(not trees.is_transient(root, inner) for root, inner in self._inner(path))

    def _inner(self, path: str) -> Iterator[tuple[str, str]]:
        for root in self.trees:
            if path.startswith(f"{root}{os.sep}"):
                yield root, path[len(root) + 1 :]

    def changed(self, other: Before) -> Iterator[tuple[str, str]]:
        """Yield root and path of what is not the same in the roots that both have."""
        for root in self.trees.keys() & other.trees.keys():
            for path in trees.differences(self.trees[root], other.trees[root]):
                yield root, path

    def same(self, other: Before) -> bool:
        """Whether two looks saw the same."""
        return self.facts == other.facts and self.trees == other.trees


def _facts(config: Config, path: Sequence[str]) -> str:
    """Return a digest of all that is the same for every file."""
    tool = [trees.tree(folder) for folder in (TOOL, _TEMPLATES) if os.path.isdir(folder)]
    python = [sys.version, sys.platform, sys.prefix, *path, locale.getpreferredencoding(False)]
    facts = [
        __version__,
        [sorted(each.items()) for each in tool],
        python,
        os.getcwd(),
        [_installed(folder) for folder in path],
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
