"""What one command does: generate or compare, report, summarize; and its exit code."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import BaseModel

from dg_sqlmesh_codegen import change_report, pipeline
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.config.resolve import Settings
from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.output import git, neighbors
from dg_sqlmesh_codegen.output.report import Mode, Report
from dg_sqlmesh_codegen.pipeline import Made

from . import output

if TYPE_CHECKING:
    from dg_sqlmesh_codegen.sqlmesh_project.own_checks import Outcome

STDOUT = "-"


class Task(BaseModel, frozen=True):
    """What a command has to do, by its options; `again` is the command to repeat, for messages."""

    check: bool
    with_tests: bool
    with_lint: bool
    diff: bool
    doctor: bool
    hook: bool
    cache: bool
    quiet: bool
    summary_file: str | None
    against: str | None  # one or two git revisions; None is what is on disk
    form: change_report.Format | None
    again: str

    @property
    def mode(self) -> Mode:
        """Whether files are written, compared or shown as a diff."""
        return Mode.DIFF if self.diff else Mode.CHECK if self.check or self.doctor else Mode.WRITE

    @property
    def summarizes(self) -> bool:
        """Whether one of the options of a summary is given."""
        return (self.summary_file, self.against, self.form) != (None, None, None)

    @property
    def needs_project(self) -> bool:
        """Whether the new package has to be made, and is not that of a revision."""
        return self.against is None or git.RevisionRange.parse(self.against).new is None

    def summarize(self, out: Path, report: Report | None = None) -> None:
        """Write the summary of the package in `out`; `report` is None without a generation.

        Raises:
            UsageError: a revision is unknown, or the file cannot be written.
        """
        changes = report.changes if report else None
        summary = change_report.summary_of(out, self.against, changes)
        text = change_report.text_of(summary, self.form or change_report.Format.MARKDOWN)
        if self.summary_file in (None, STDOUT):
            click.echo(text, nl=False)
        else:
            change_report.save(text, Path(str(self.summary_file)))


def run(task: Task, packages: Sequence[Settings]) -> int:
    """Run a task for packages, and return the highest exit code. All are made, then all written.

    Raises:
        UsageError: bad configuration, a folder that cannot be written, or two packages of one code
            location with the same name or asset.
        ProjectError: a SQLMesh project cannot be loaded or translated.
    """
    made = [_make(task, each) for each in packages]
    neighbors.refuse_common({each.config.out: each.texts for each, _ in made})
    codes = []
    for (each, seconds), settings in zip(made, packages, strict=True):
        with settings.located():
            codes.append(_deliver(task, each, seconds))
    return max(codes)


def _make(task: Task, settings: Settings) -> tuple[Made, float]:
    """Make a package, and return it with the seconds that this took."""
    started = time.monotonic()
    with settings.located(), output.progress(task.quiet) as tell:
        made = pipeline.make(settings.config, tell, task.cache)
    return made, time.monotonic() - started


def _deliver(task: Task, made: Made, seconds: float) -> int:
    started, config = time.monotonic() - seconds, made.config
    with output.progress(task.quiet) as tell:
        report = pipeline.deliver(made, task.mode, tell)
    if task.check and report.contents.unset_variables:
        raise ProjectError(
            "; ".join(report.contents.unset_variables),
            hint="Set them to the values with which the package is generated, or give env_var "
            "a default.",
        )
    if task.mode is Mode.DIFF:
        output.print_diff(report)
    if task.mode is Mode.CHECK:
        output.print_differences(report, config, task.again)
    if task.summarizes:
        task.summarize(config.out, report)
    sqlmesh_checks = _sqlmesh_checks(task, config)
    if not task.quiet:
        output.print_summary(report, config, time.monotonic() - started, sqlmesh_checks)
    found_by_sqlmesh = int(any(each.failed for each in sqlmesh_checks))
    found_by_hook = _hook(report, config) if task.hook else 0
    found_by_doctor = _doctor(report, config) if task.doctor else 0
    return max(report.exit_code, found_by_sqlmesh, found_by_hook, found_by_doctor)


def _sqlmesh_checks(task: Task, config: Config) -> tuple[Outcome, ...]:
    """Run SQLMesh's unit tests and linter; no spinner turns between the lines they print."""
    if not (task.with_tests or task.with_lint):
        return ()
    return pipeline.sqlmesh_checks(config, tests=task.with_tests, lint=task.with_lint)


def _hook(report: Report, config: Config) -> int:
    """Report files that are not in git, and return the exit code.

    pre-commit itself only notices changes of files that git tracks.
    """
    files = [config.out / change.path for change in report.changes if change.new is not None]
    missing = git.not_added([file for file in files if file.exists()], config.out)
    output.print_not_added(missing, report, config)
    return 1 if missing or (report.different and report.mode is not Mode.CHECK) else 0


def _doctor(report: Report, config: Config) -> int:
    """Check the installation in another process: the generator does not import Dagster."""
    if not report.different:
        click.echo("ok: the package is up to date with the SQLMesh project")
    command = [sys.executable, "-m", "dg_sqlmesh_codegen.runtime.doctor", str(config.out)]
    # A killed process has a negative code.
    return int(subprocess.run(command, check=False).returncode != 0)  # noqa: S603 - our own module
