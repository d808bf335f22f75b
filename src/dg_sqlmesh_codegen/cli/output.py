"""What the command line prints: progress, differences, the closing summary, the configuration."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.config.resolve import Settings
from dg_sqlmesh_codegen.config.toml import toml
from dg_sqlmesh_codegen.output.report import Mode, Report

if TYPE_CHECKING:
    from dg_sqlmesh_codegen.rendering.files import Contents
    from dg_sqlmesh_codegen.sqlmesh_project.own_checks import Outcome

Schedules = Sequence[tuple[str, tuple[str, ...]]]
_FEW = 5
_WIDE = 60
_HIDDEN = "hidden in Dagster's graph (external_specs = true gives each an asset)"
_WORDS = {
    "changed": "is out of date",
    "missing": "is missing",
    "orphaned": "is no longer generated",
}


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that says what happens next: a spinner on a terminal, lines in a pipe."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if quiet:
        yield lambda stage: None
    elif console.is_terminal:
        with console.status("Starting") as status:
            yield lambda stage: status.update(f"{stage} ...")
    else:
        yield lambda stage: console.print(f"{stage} ...")


def print_diff(report: Report) -> None:
    """Print the unified diff of every file that differs."""
    for change in report.different:
        text = "".join(change.diff())  # may hold bytes of a file that are no text
        click.echo(text.encode("utf-8", errors="surrogateescape"), nl=False)


def print_differences(report: Report, config: Config, again: str) -> None:
    """Print every file that differs, and the command that updates them."""
    for change in report.different:
        if change not in report.upgraded:
            click.echo(f"{config.out / change.path} {_WORDS[change.status.value]}")
    if report.upgraded:
        why = f"by an upgrade of SQLMesh ({' -> '.join(report.upgrade)})"
        click.echo(f"{config.out} is out of date {why}, files: {len(report.upgraded)}")
    if report.versions_only:
        click.echo("Only the versions of this tool and of SQLMesh differ.")
    if report.different:
        click.echo(f"Run: {again}")


def print_not_added(files: Sequence[Path], report: Report, config: Config) -> None:
    """Print the files that are not in git, and the command that adds them and what was written."""
    if files:
        click.echo(f"{len(files)} of the package's files are not in git:")
        for file in files[:_FEW]:
            click.echo(f"  {file}")
        if len(files) > _FEW:
            click.echo("  ...")
    if files or (report.mode is Mode.WRITE and report.different):
        # The folder, not the files: what changed in others belongs to the same commit.
        click.echo(f"Run: {shlex.join(['git', 'add', str(config.out)])}")


def print_summary(
    report: Report, config: Config, seconds: float, sqlmesh_checks: Sequence[Outcome] = ()
) -> None:
    """Print what the package holds, which files were touched, and how long it took.

    `sqlmesh_checks` are what SQLMesh's own unit tests and linter found.
    """
    for warning in (*report.contents.unset_variables, *report.contents.warnings):
        click.echo(f"note: {warning}", err=True)
    found, mode = report.contents, report.mode
    counts = Counter(change.status.value for change in report.changes)
    write, remove = counts["changed"] + counts["missing"], counts["orphaned"]
    written, removed = ("written", "removed") if mode is Mode.WRITE else ("to write", "to remove")
    why = "the project has only seeds, which a plan evaluates"
    none = f"none: {why if config.enable_schedule else 'enable_schedule is false'}"
    files = f"{write} {written}, {counts['unchanged']} unchanged, {remove} {removed}"
    lines = [
        f"graph     {found.models} models, {found.edges} edges, {found.checks} checks",
        *(_job_lines(found) if found.jobs else _schedule_lines(found.schedules, none)),
        *([f"external  tables: {found.hidden_tables}, {_HIDDEN}"] if found.hidden_tables else []),
        f"files     {files} in {config.out}",
        *(f"{each.name:<10}{each.words}" for each in sqlmesh_checks),
        f"time      {seconds:.1f} s",
    ]
    # On stderr, so that the output of --diff can be piped into `patch`.
    click.echo("\n".join(lines), err=True)


def _schedule_lines(schedules: Schedules, none: str) -> list[str]:
    return [f"schedule  {each}" for each in _crons(schedules) or [none]]


def _job_lines(found: Contents) -> list[str]:
    lines = [
        f"job       {job.name}: {job.models} models, "
        f"{'; '.join(_crons(job.schedules)) or 'no schedule'}"
        for job in found.jobs
    ]
    rest = found.in_no_job
    more = f" and {len(rest) - _FEW} more" if len(rest) > _FEW else ""
    return lines + ([f"no job    {', '.join(rest[:_FEW])}{more}"] if rest else [])


def _crons(schedules: Schedules) -> list[str]:
    return [f"{', '.join(crons)} ({timezone})" for timezone, crons in schedules]


def print_settings(settings: Settings) -> None:
    """Print one line for each key: `key = value  # where it is from`."""
    lines = [
        # TOML has no null: a key without a value is a comment.
        f"# {each.key}" if each.value is None else f"{each.key} = {toml(each.value)}"
        for each in settings.origins
    ]
    width = max(len(line) for line in lines if len(line) <= _WIDE)
    for line, setting in zip(lines, settings.origins, strict=True):
        click.echo(f"{line:<{width}}  # {setting.where}")
