"""The one flow: has anything changed? -> load, translate, render -> compare -> write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import starmap
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .cache import inputs, store
from .cache.inputs import Inputs
from .config.model import Config
from .errors import UsageError
from .output import apply, compare, neighbors
from .output.lock import exclusive
from .output.report import Mode, Report
from .rendering.files import File, Rendered

if TYPE_CHECKING:
    from .sqlmesh_project.own_checks import Outcome

__all__ = ["Made", "Mode", "Report", "deliver", "generate", "make"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A package that is not written yet; `inputs` are what it was made from, if they are kept."""

    config: Config
    rendered: Rendered
    inputs: Inputs | None = None

    @property
    def texts(self) -> Mapping[PurePosixPath, str]:
        """The text of each file, by its path in the folder."""
        return {file.path: file.text for file in self.rendered.files}


def generate(
    config: Config,
    mode: Mode = Mode.WRITE,
    *,
    progress: Progress = lambda stage: None,
    cache: bool = True,
) -> Report:
    """Generate the package, or compare it with its folder.

    Args:
        config: projects, output folder, gateway and environment.
        mode: write, check or diff; only `Mode.WRITE` touches the output folder.
        progress: is told what happens next, in a few words.
        cache: whether the project is not loaded where nothing has changed since the last time.

    Returns:
        What was found and, file by file, what changed.

    Raises:
        UsageError: bad configuration, a file in the way, a folder that cannot be written, or
            another package of the code location with the same name or asset.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    made = make(config, progress, cache)
    neighbors.refuse_common({config.out: made.texts})
    return deliver(made, mode, progress)


def make(config: Config, progress: Progress, cache: bool) -> Made:
    """Render the package; where nothing has changed, the files in its folder are the package.

    Raises:
        UsageError: bad configuration.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    known = inputs.inputs_of(config) if cache else None
    record = store.read(config.out) if known else None
    if known and record and record.inputs == known:
        texts = compare.generated_files(config.out)
        if store.digest(texts) == record.output:
            return Made(config, Rendered(tuple(starmap(File, texts.items())), record.contents))
    progress("Importing SQLMesh")
    # Late: it takes seconds, and a run that finds nothing changed does without.
    from .sqlmesh_project.compat import changes_explained  # noqa: PLC0415

    with changes_explained():
        from .generation import render_project  # noqa: PLC0415

        rendered = render_project(config, progress, store.sqlmesh_cache(config.out, known, record))
    # Otherwise a file changed meanwhile.
    kept = known if known and known == inputs.inputs_of(config) else None
    return Made(config, rendered, kept)


def deliver(made: Made, mode: Mode, progress: Progress) -> Report:
    """Compare the package with its folder; `Mode.WRITE` also writes it.

    Raises:
        UsageError: a file is in the way, or the folder cannot be written.
    """
    config, rendered = made.config, made.rendered
    try:
        with exclusive(config.out, store.location(config.out).with_suffix(".lock")):
            changes = compare.compare(rendered.files, config.out)
            report = Report(mode, rendered.contents, changes, config.check_versions)
            if mode is Mode.WRITE:
                if report.different:
                    progress(f"Writing {config.out}")
                apply.apply(changes, config.out)  # also removes what a killed process has left
    except OSError as error:
        raise UsageError(
            f"the output folder {config.out} cannot be used",
            detail=f"{error.strerror}: {error.filename}",
            hint="Correct its permissions or free the disk, and run the command again.",
        ) from error
    if made.inputs:
        store.write(config.out, made.inputs, rendered)
    return report


def sqlmesh_checks(config: Config, *, tests: bool, lint: bool) -> tuple[Outcome, ...]:
    """Run SQLMesh's own unit tests, its linter or both; a result of theirs is never kept.

    Raises:
        UsageError: the unit tests need a server.
        ProjectError: SQLMesh cannot load the project, or a test or rule cannot run.
    """
    from .sqlmesh_project.compat import changes_explained  # noqa: PLC0415 - late, as in `generate`

    with changes_explained():
        from .sqlmesh_project import own_checks  # noqa: PLC0415
        from .sqlmesh_project.configurations import environment  # noqa: PLC0415

        known = inputs.inputs_of(config)
        cache = store.sqlmesh_cache(config.out, known, store.read(config.out))
        with environment(config.projects):
            return own_checks.run(config.source, cache, tests=tests, lint=lint)
