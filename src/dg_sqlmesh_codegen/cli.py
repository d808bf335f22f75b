"""The command line: arguments in, files and a summary out, errors as exit codes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from . import git, printing, record, settings
from .config import DEFAULT_ENVIRONMENT, Config
from .delivery import Listener
from .errors import CodegenError
from .mode import Mode
from .version import __version__
from .words import Flag, Words

if TYPE_CHECKING:  # importing it would import SQLMesh, before the arguments are known to be right
    from .delivery import Report


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done with the package, and said; `again` is the command that generates it."""

    mode: Mode
    quiet: bool
    hook: bool
    cache: bool
    again: str


_EPILOG = """\b
Example:
  python -m dg_sqlmesh_codegen project/ -o defs/
  dagster dev -m defs.definitions

\b
Exit codes: 0 done or up to date, 1 --check found a difference, 2 bad usage,
3 the SQLMesh project cannot be loaded or translated, 130 interrupted.
"""
_INTERRUPTED = 130


_BUG = 70


@click.command(
    name="dg-sqlmesh-codegen",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.argument("projects", metavar="[PROJECT ...]", nargs=-1)
@click.option("-o", "--out", "out", help="Folder of the generated package.")
@click.option("--gateway", help="SQLMesh gateway.  [default: the project's own default]")
@click.option(
    "--environment",
    help=f"SQLMesh environment that the generated resource runs.  [default: {DEFAULT_ENVIRONMENT}]",
)
@click.option("--config", "config_name", help="Configuration to use of a project's config.py.")
@click.option(
    "--default-catalog",
    "default_catalogs",
    metavar="[GATEWAY=]NAME",
    multiple=True,
    help="Catalog of a gateway whose connection names none.  May be given several times.",
)
@click.option("--templates", help="Folder of templates that replace those of the same name.")
@click.option(
    "--set",
    "others",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any other key of the configuration; the value as in TOML.  May be given several times.",
)
@click.option(
    "--show-config", is_flag=True, help="Print every key, its value and where it is from; no more."
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 where the package is not current."
)
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option(
    "--hook", is_flag=True, help="Exit 1 also where files were written, or are not added to git."
)
@click.option(
    "--no-cache",
    "cache",
    flag_value=False,
    default=True,
    help="Load the project even where nothing has changed since the last time.",
)
@click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but errors (and what --check found)."
)
@click.option("--debug", is_flag=True, help="Print the traceback of an error, too.")
@click.version_option(__version__, "--version", prog_name="dg-sqlmesh-codegen")
def command(
    *,
    show_config: bool,
    check: bool,
    diff: bool,
    hook: bool,
    cache: bool,
    quiet: bool,
    debug: bool,
    **flags: Flag,
) -> int:
    """Generate a Dagster package from the SQLMesh project(s) in PROJECT.

    The project is inspected offline: no warehouse, no state database, no credentials. What is not
    said here is read from defs.yaml in the output folder, and from the [tool.dg_sqlmesh_codegen]
    table of the nearest pyproject.toml.
    """
    if check and diff:
        raise click.UsageError("--check and --diff exclude each other: name one of them.")
    mode = Mode.CHECK if check else Mode.DIFF if diff else Mode.WRITE
    try:
        words = Words.of(flags)
        loaded = settings.load(words.values, words.names)
        if show_config:
            printing.print_settings(loaded)
            return 0
        with loaded.located():
            return _generate(loaded.config, Task(mode, quiet, hook, cache, words.command))
    except CodegenError:
        if debug:
            traceback.print_exc()
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; None takes those of the process.

    Returns:
        The exit code. An unexpected exception is a bug: it keeps its traceback, and exits with a
        code of its own, as 1 would say that `--check` found a difference.
    """
    try:
        result = command.main(args=arguments, standalone_mode=False)
    except CodegenError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("interrupted: nothing was written", err=True)
        return _INTERRUPTED
    except Exception:  # noqa: BLE001 - said in full, and not mistaken for a finding
        traceback.print_exc()
        click.echo(
            f"This is a bug in dg-sqlmesh-codegen {__version__}; please report it.", err=True
        )
        return _BUG
    return result if isinstance(result, int) else 0


def _generate(config: Config, task: Task) -> int:
    started = time.monotonic()
    with printing.progress(task.quiet) as tell:
        heard = Listener(tell, lambda changes: printing.print_edited(changes, config))
        report = record.generate(config, task.mode, heard, cache=task.cache)
    if task.mode is Mode.DIFF:
        printing.print_diff(report)
    if task.mode is Mode.CHECK:
        printing.print_differences(report, config, task.again)
    if not task.quiet:
        printing.print_summary(report, config, time.monotonic() - started)
    return _hook(report, config) if task.hook else report.exit_code


def _hook(report: Report, config: Config) -> int:
    """Tell a commit hook's user what is not in the commit, and return the exit code.

    pre-commit notices by itself only what becomes of files that git tracks.
    """
    files = [config.out / change.path for change in report.changes if change.new is not None]
    missing = git.not_added([file for file in files if file.exists()], config.out)
    printing.print_not_added(missing, report, config)
    return 1 if missing or report.different else 0
