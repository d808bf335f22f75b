"""What one generation found and did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dg_sqlmesh_codegen.rendering.files import Contents

from .compare import Change, Status


class Mode(Enum):
    """What a generation does: write the files, compare them, or show how they differ."""

    WRITE = "write"
    CHECK = "check"
    DIFF = "diff"


@dataclass(frozen=True, slots=True)
class Report:
    """What one generation did, or would do.

    `changes` are all files of the package, and of an earlier one, sorted by path. With
    `check_versions`, `--check` also fails where only versions of this tool or of SQLMesh differ.
    """

    mode: Mode
    contents: Contents
    changes: tuple[Change, ...]
    check_versions: bool = True

    @property
    def different(self) -> tuple[Change, ...]:
        """The files that differ, or differed before they were written."""
        return tuple(change for change in self.changes if change.status is not Status.UNCHANGED)

    @property
    def versions_only(self) -> bool:
        """Whether only the versions of this tool and of SQLMesh differ."""
        return [change.versions_only for change in self.different] == [True]

    @property
    def upgrade(self) -> tuple[str, ...]:
        """The versions of SQLMesh that made the old and the new package, if they differ."""
        return next((change.upgrade for change in self.different if change.upgrade), ())

    @property
    def upgraded(self) -> tuple[Change, ...]:
        """The files that differ only by that upgrade, if a hash of a model is among them."""
        if not self.upgrade or self.versions_only:
            return ()
        return tuple(change for change in self.different if change.hashes_only)

    @property
    def exit_code(self) -> int:
        """1 where `--check` found a difference, else 0."""
        found = self.different and (self.check_versions or not self.versions_only)
        return 1 if self.mode is Mode.CHECK and found else 0
