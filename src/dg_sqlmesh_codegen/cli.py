"""The command line: arguments in, files and a summary out, errors as exit codes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from . import printing
from .config import DEFAULT_ENVIRONMENT, Config
from .errors import CodegenError, UsageError
from .mode import Mode
from .version import __version__

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
@click.argument("projects", metavar="PROJECT [PROJECT ...]", nargs=-1, required=True)
@click.option("-o", "--out", "out", required=True, help="Folder of the generated package.")
@click.option("--gateway", help="SQLMesh gateway.  [default: the project's own default]")
@click.option(
    "--environment",
    default=DEFAULT_ENVIRONMENT,
    show_default=True,
    help="SQLMesh environment that the generated resource runs.",
)
@click.option("--config", "config_name", help="Configuration to use of a project's config.py.")
@click.option(
    "--default-catalog",
    "default_catalogs",
    metavar="[GATEWAY=]NAME",
    multiple=True,
    help="Catalog of a gateway whose connection names none.  May be given several times.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 where the package is not current."
)
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but errors (and what --check found)."
)
@click.option("--debug", is_flag=True, help="Print the traceback of an error, too.")
@click.version_option(__version__, "--version", prog_name="dg-sqlmesh-codegen")
def command(
    projects: tuple[str, ...],
    out: str,
    gateway: str | None,
    environment: str,
    config_name: str | None,
    default_catalogs: tuple[str, ...],
    check: bool,
    diff: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Generate a Dagster package from the SQLMesh project(s) in PROJECT.

    The project is inspected offline: no warehouse, no state database, no credentials.
    """
    if check and diff:
        raise click.UsageError("--check and --diff exclude each other: name one of them.")
    mode = Mode.CHECK if check else Mode.DIFF if diff else Mode.WRITE
    try:
        config = Config(
            projects=tuple(map(_folder, projects)),
            out=_folder(out),
            gateway=gateway,
            environment=environment,
            config_name=config_name,
            default_catalogs=tuple(_default_catalog(text) for text in default_catalogs),
        )
        return _generate(config, mode, quiet)
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


def _folder(text: str) -> Path:
    """Return the path; an empty text, such as an unset variable leaves behind, is not "here"."""
    if not text.strip():
        raise UsageError("an empty text names no folder", hint="Say . for the working directory.")
    return Path(text)


def _default_catalog(text: str) -> tuple[str | None, str]:
    gateway, equals, name = text.rpartition("=")
    if not name:
        raise UsageError(f"--default-catalog {text} names no catalog", hint="Say [GATEWAY=]NAME.")
    return (gateway.lower() if equals else None), name


def _generate(config: Config, mode: Mode, quiet: bool) -> int:
    started = time.monotonic()
    with printing.progress(quiet) as tell:
        tell("Importing SQLMesh")
        # Only now, when the arguments are known to be right: it takes seconds.
        from .pipeline import generate  # noqa: PLC0415

        report = generate(
            config,
            mode,
            progress=tell,
            edited=lambda changes: printing.print_edited(changes, config),
        )
    if mode is Mode.DIFF:
        printing.print_diff(report)
    if mode is Mode.CHECK:
        printing.print_differences(report, config)
    if not quiet:
        printing.print_summary(report, config, time.monotonic() - started)
    return report.exit_code
