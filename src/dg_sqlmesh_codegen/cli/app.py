"""The command line: options, help, and one exit code for each kind of error."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import cast

import click

from dg_sqlmesh_codegen.change_report import Format
from dg_sqlmesh_codegen.config import resolve
from dg_sqlmesh_codegen.config.model import DEFAULT_ENVIRONMENT
from dg_sqlmesh_codegen.errors import CodegenError, UsageError
from dg_sqlmesh_codegen.output.report import Mode
from dg_sqlmesh_codegen.version import __version__

from . import arguments, commands, output
from .arguments import OptionValue
from .commands import STDOUT, Task

_EPILOG = """\b
Example:
  python -m dg_sqlmesh_codegen project/ -o defs/
  dg dev -m defs.definitions

\b
Exit codes:
  0    done or up to date
  1    --check found a difference, a unit test that fails or an error of the
       linter; --hook wrote a file or found one that is not in git; --doctor
       found a problem
  2    wrong usage, configuration, output folder or version of SQLMesh
  3    the SQLMesh project cannot be loaded or translated
  70   a bug in this tool; the traceback is printed
  130  interrupted
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
@click.option("--config", "config_name", help="Name of the configuration in a project's config.py.")
@click.option(
    "--default-catalog",
    "default_catalogs",
    metavar="[GATEWAY=]NAME",
    multiple=True,
    help="Default catalog of a gateway whose connection does not name one.  Repeatable.",
)
@click.option(
    "--select",
    metavar="SELECTOR",
    multiple=True,
    help="Models of the package, as in `sqlmesh plan --select-model`.  Repeatable.",
)
@click.option(
    "--exclude",
    metavar="SELECTOR",
    multiple=True,
    help="Models that the package does not hold.  Repeatable.",
)
@click.option(
    "--templates", help="Folder with templates of your own, used instead of those of the same name."
)
@click.option(
    "--set",
    "others",
    metavar="KEY=VALUE",
    multiple=True,
    help="Set any other configuration key; the value is written as in TOML.  Repeatable.",
)
@click.option(
    "--show-config",
    is_flag=True,
    help="Print every configuration key, its value and its source, and exit.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 if the package is out of date."
)
@click.option(
    "--with-tests", is_flag=True, help="With --check: run SQLMesh's unit tests too, on DuckDB."
)
@click.option("--with-lint", is_flag=True, help="With --check: run SQLMesh's linter too.")
@click.option("--diff", is_flag=True, help="Write nothing; print the changes as a unified diff.")
@click.option(
    "--hook",
    is_flag=True,
    help="For commit hooks: exit with 1 if files were written or are not in git.",
)
@click.option(
    "--doctor",
    is_flag=True,
    help="Write nothing; check the package, the Dagster instance and SQLMesh's state; exit with 1 "
    "on a problem.",
)
@click.option(
    "--summary",
    "summary_file",
    metavar="[FILE]",
    is_flag=False,
    flag_value=STDOUT,
    help="Summarize what changed in the asset graph, for a pull request.  [default: stdout]",
)
@click.option(
    "--against",
    metavar="REV",
    help="Summarize the changes since a git revision.  REV..REV compares two revisions, and needs "
    "no project.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    help="Format of the summary.  [default: markdown]",
)
@click.option(
    "--no-cache",
    "cache",
    flag_value=False,
    default=True,
    help="Load the project even if nothing has changed.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only errors and what --check found.")
@click.option("--debug", is_flag=True, help="Print the traceback of an error.")
@click.version_option(__version__, "--version", prog_name="dg-sqlmesh-codegen")
def command(*, show_config: bool, debug: bool, **given: OptionValue | bool) -> int:
    """Generate a Dagster package from the SQLMesh projects in the PROJECT folders.

    The projects are inspected offline: no warehouse, no state database, no credentials. Options
    that are not given come from defs.yaml in the output folder, then from the
    [tool.dg_sqlmesh_codegen] table of the nearest pyproject.toml. In a dg project, without
    PROJECT and -o, the command does the same for each of its SQLMesh components.
    """
    try:
        flags = {name: given[name] for name in ("others", *arguments.OPTIONS.values())}
        typed = cast("Mapping[str, OptionValue]", flags)  # none of these is a switch
        layer = arguments.layer(typed)
        task = Task.model_validate({**given, "again": arguments.command(typed)})
        _refuse_contradictions(task)
        if not task.needs_project:
            task.summarize(resolve.output_folder(layer))
            return 0
        packages = resolve.load_all(layer)
        if task.summarizes and len(packages) > 1:
            what = f"a summary is of one package, and the dg project has {len(packages)}"
            raise UsageError(what, hint="Name its folder with -o.")
        if show_config:
            for loaded in packages:
                output.print_settings(loaded)
            return 0
        return commands.run(task, packages)
    except CodegenError:
        if debug:
            traceback.print_exc()
        raise


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        words: its arguments without the program's name; None takes those of the process.

    Returns:
        The exit code. An unexpected exception is a bug: its traceback is printed, and its exit code
        is 70, because 1 means that `--check` found a difference.
    """
    try:
        result = command.main(args=words, standalone_mode=False)
    except CodegenError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        # The package imports at every moment, but old files may stand beside new ones.
        click.echo("interrupted: run the command again to complete the package", err=True)
        return _INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug: printed in full
        traceback.print_exc()
        bug = f"This is a bug in dg-sqlmesh-codegen {__version__}; please report it."
        click.echo(bug, err=True)
        return _BUG
    return result if isinstance(result, int) else 0


def _refuse_contradictions(task: Task) -> None:
    if (task.with_tests or task.with_lint) and not task.check:
        raise click.UsageError("Use --with-tests and --with-lint together with --check.")
    if task.check + task.diff + task.doctor > 1:
        raise click.UsageError("Use only one of --check, --diff and --doctor.")
    if not task.needs_project and (task.mode is not Mode.WRITE or task.hook):
        raise click.UsageError(
            "--against REV..REV compares two revisions, without a project. Run --check, --diff, "
            "--doctor and --hook in a command of their own."
        )
