"""A rendered package -> its folder: compare, write, report. Without SQLMesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import write
from .config import Config
from .errors import UsageError
from .files import NamedSchedule, Rendered
from .mode import Mode
from .write import Change, Status


@dataclass(frozen=True, slots=True)
class Report:
    """What one generation did, or would do.

    `models`, `edges` and `checks` count the Dagster graph; `changes` holds every file.
    """

    mode: Mode
    models: int
    edges: int
    checks: int
    schedules: tuple[NamedSchedule, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def different(self) -> tuple[Change, ...]:
        """The files that are not as they should be (or were not, before they were written)."""
        return tuple(change for change in self.changes if change.status is not Status.UNCHANGED)

    @property
    def exit_code(self) -> int:
        """1 where `--check` found a difference, else 0."""
        return 1 if self.mode is Mode.CHECK and self.different else 0


def deliver(
    rendered: Rendered, config: Config, mode: Mode, progress: Callable[[str], None]
) -> Report:
    """Compare the package with its folder; only `Mode.WRITE` touches it.

    Raises:
        UsageError: a file in the way, or a folder that cannot be written.
    """
    try:
        changes = write.compare(rendered.files, config.out)
        if mode is Mode.WRITE:
            progress(f"Writing {config.out}")
            write.apply(changes, config.out)
    except OSError as error:
        raise UsageError(
            f"the output folder {config.out} cannot be used",
            detail=f"{error.strerror}: {error.filename}",
            hint="Nothing was written. Mend its permissions, or name another folder with -o.",
        ) from error
    return Report(
        mode=mode,
        models=rendered.models,
        edges=rendered.edges,
        checks=rendered.checks,
        schedules=rendered.schedules,
        changes=changes,
        notes=rendered.notes,
    )
