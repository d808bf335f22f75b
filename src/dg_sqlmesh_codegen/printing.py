"""What the command line prints: progress, differences, the closing summary."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console

from .config import DEFAULT_ENVIRONMENT, Config
from .mode import Mode

if TYPE_CHECKING:  # importing it would import SQLMesh, before anything was printed
    from .pipeline import Report
    from .write import Change

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


def print_differences(report: Report, config: Config) -> None:
    """Name every file that differs, and the command that mends them."""
    for change in report.different:
        click.echo(f"{config.out / change.path} {_state(change)}")
    if report.different:
        click.echo(f"Run: {_command(config)}")


def _state(change: Change) -> str:
    if not change.edited:
        return _WORDS[change.status.value]
    return "was edited by hand" + (" and is no longer generated" if change.new is None else "")


def print_edited(changes: Sequence[Change], config: Config) -> None:
    """Say, before it happens, which files are replaced although somebody edited them by hand."""
    for change in changes:
        goes = "removed" if change.new is None else "overwritten"
        click.echo(f"note: {config.out / change.path} was edited by hand: it is {goes}", err=True)


def print_summary(report: Report, config: Config, seconds: float) -> None:
    """Print what the package holds, which files were touched, and how long it took."""
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    # On stderr, so that the output of --diff can be piped into `patch`.
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for label, value in _summary(report, config, seconds):
        console.print(f"{label:<9} {value}")


def _summary(report: Report, config: Config, seconds: float) -> Iterator[tuple[str, str]]:
    yield "graph", f"{report.models} models, {report.edges} edges, {report.checks} checks"
    for schedule in report.schedules:
        crons = [schedule.crons] if isinstance(schedule.crons, str) else schedule.crons
        yield "schedule", f"{', '.join(crons)} ({schedule.timezone})"
    if not report.schedules:
        yield "schedule", "none: the project has only seeds, which a plan evaluates"
    yield "files", f"{_files(report)} in {config.out}"
    yield "time", f"{seconds:.1f} s"


def _files(report: Report) -> str:
    counts = Counter(change.status.value for change in report.changes)
    written = counts["changed"] + counts["missing"]
    if report.mode is Mode.WRITE:
        words = ("written", "unchanged", "removed")
    else:
        words = ("to write", "unchanged", "to remove")
    numbers = (written, counts["unchanged"], counts["orphaned"])
    return ", ".join(f"{number} {word}" for number, word in zip(numbers, words, strict=True))


def _command(config: Config) -> str:
    arguments = [*map(str, config.projects), "-o", str(config.out)]
    if config.gateway:
        arguments += ["--gateway", config.gateway]
    if config.environment != DEFAULT_ENVIRONMENT:
        arguments += ["--environment", config.environment]
    if config.config_name:
        arguments += ["--config", config.config_name]
    for gateway, name in config.default_catalogs:
        arguments += ["--default-catalog", f"{gateway}={name}" if gateway else name]
    return shlex.join(["python", "-m", "dg_sqlmesh_codegen", *arguments])
