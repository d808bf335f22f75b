"""The whole flow: load, inspect, translate, render, compare, write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import crons, graph, inspector, write
from .config import Config
from .errors import UsageError
from .locking import exclusive
from .mode import Mode
from .notes import notes
from .render import NamedSchedule, Package, named_schedules, render
from .translator import SQLMeshTranslator
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


def generate(
    config: Config,
    mode: Mode = Mode.WRITE,
    *,
    progress: Callable[[str], None] = lambda stage: None,
    edited: Callable[[Sequence[Change]], None] = lambda changes: None,
) -> Report:
    """Generate the package, or compare it with what is there.

    Args:
        config: projects, output folder, gateway and environment.
        mode: write, check or diff; only `Mode.WRITE` touches the output folder.
        progress: is told what happens next, in a few words.
        edited: is told, before anything is written, which files to be replaced were edited by hand.

    Returns:
        What was found and, file by file, what changed.

    Raises:
        UsageError: bad configuration, a file in the way, or a folder that cannot be written.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    progress(f"Loading {', '.join(str(path) for path in config.projects)}")
    project = inspector.inspect(config.source)
    progress(f"Rendering {len(project.models)} models")
    assets = graph.build(project, SQLMeshTranslator(), config.out.resolve())
    schedules = crons.schedules(project.models, graph.checked_audits(project))
    files = render(Package(config, project, assets, schedules))
    try:
        with exclusive(config.out):
            changes = write.compare(files, config.out)
            if mode is Mode.WRITE:
                edited([change for change in changes if change.edited])
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
        models=len(assets),
        edges=sum(len(asset.deps) for asset in assets),
        # Every model has one check more than it has audits: sqlmesh_execution_status.
        checks=sum(len(asset.checks) + 1 for asset in assets),
        schedules=named_schedules(schedules),
        changes=changes,
        notes=notes(project),
    )
