"""What one generation found and did."""

from __future__ import annotations

from dataclasses import dataclass

from dg_sqlmesh_codegen.rendering.files import Contents

from .compare import Change, Status
from .mode import Mode


@dataclass(frozen=True, slots=True)
class Report:
    """What one generation did, or would do.

    Args:
        mode: what was asked for.
        contents: what the package holds.
        changes: every file of the package, and of an earlier one, sorted by path.
        check_versions: whether `--check` fails where only the versions of this tool or of SQLMesh
            differ.
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
    def exit_code(self) -> int:
        """1 where `--check` found a difference, else 0."""
        found = self.different and (self.check_versions or not self.versions_only)
        return 1 if self.mode is Mode.CHECK and found else 0

    @property
    def versions_only(self) -> bool:
        """Whether only the versions of this tool and of SQLMesh differ."""
        different = self.different
        return len(different) == 1 and different[0].versions_only
