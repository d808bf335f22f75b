"""A rendered package -> its folder: compare, write, report. Without SQLMesh."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.rendering.files import NamedSchedule, Rendered

from . import compare
from .compare import Change, Status
from .edits import Index
from .lock import exclusive
from .mode import Mode


@dataclass(frozen=True, slots=True)
class Report:
    """What one generation did, or would do.

    `models`, `edges` and `checks` count the Dagster graph; `changes` holds every file;
    `check_versions` tells whether a version that differs is a difference to `--check`.
    """

    mode: Mode
    models: int
    edges: int
    checks: int
    schedules: tuple[NamedSchedule, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    check_versions: bool = True

    @property
    def different(self) -> tuple[Change, ...]:
        """The files that are not as they should be (or were not, before they were written)."""
        return tuple(change for change in self.changes if change.status is not Status.UNCHANGED)

    @property
    def exit_code(self) -> int:
        """1 where `--check` found a difference, else 0."""
        found = self.different and (self.check_versions or not self.versions_only)
        return 1 if self.mode is Mode.CHECK and found else 0

    @property
    def versions_only(self) -> bool:
        """Whether nothing differs but the versions of this tool and of SQLMesh."""
        different = self.different
        return len(different) == 1 and different[0].versions_only


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens, while it does.

    Args:
        progress: takes what happens next, in a few words.
        edited: takes the files edited by hand that are about to be replaced, if there are any.
    """

    progress: Callable[[str], None] = lambda stage: None
    edited: Callable[[Sequence[Change]], None] = lambda changes: None


SILENT = Listener()


def deliver(rendered: Rendered, config: Config, mode: Mode, listener: Listener) -> Report:
    """Compare the package with its folder; only `Mode.WRITE` touches it.

    Raises:
        UsageError: a file in the way, or a folder that cannot be written.
    """
    try:
        with exclusive(config.out):
            changes = compare.compare(rendered.files, config.out, _index(config))
            if mode is Mode.WRITE:
                listener.edited([change for change in changes if change.edited])
                listener.progress(f"Writing {config.out}")
                compare.apply(changes, config.out)
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
        check_versions=config.check_versions,
    )


def _index(config: Config) -> Index:
    return Index(partial(_render_index, config), partial(_is_own_index, config))


# Only where such a file differs: these import Jinja.
def _render_index(config: Config, folder: str, modules: Iterable[tuple[Identifier, ...]]) -> str:
    from dg_sqlmesh_codegen.rendering.package import render_index  # noqa: PLC0415

    return render_index(config, folder, modules)


def _is_own_index(config: Config, folder: str) -> bool:
    from dg_sqlmesh_codegen.rendering.package import is_own_index  # noqa: PLC0415

    return is_own_index(config, folder)
