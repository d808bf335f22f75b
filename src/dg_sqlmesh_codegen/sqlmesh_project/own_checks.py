"""SQLMesh's own unit tests and linter, offline: the same in every version, `--local` or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig

from dg_sqlmesh_codegen.errors import CodegenError, ProjectError, UsageError

from . import compat, dbt_profiles
from .load import loaded, names
from .records import Source


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `name` found, in a few words, and whether a pull request has to be mended."""

    name: str
    words: str
    failed: bool = False


def run(
    source: Source, sqlmesh_cache: Path | None, *, tests: bool, lint: bool
) -> tuple[Outcome, ...]:
    """Load SQLMesh projects and run their unit tests, their linter or both.

    SQLMesh prints what they find, to standard error.

    Raises:
        UsageError: the unit tests need a server, because `test_connection` is none of DuckDB.
        ProjectError: SQLMesh cannot load the project, or a test or rule cannot run.
    """
    source = source.absolute()
    with dbt_profiles.placeholders(source.paths), loaded(source, sqlmesh_cache) as (context, _):
        context.console = compat.terminal_console()
        found = []
        if tests:
            found.append(_run("test", source, lambda: _tests(context)))
        if lint:
            found.append(_run("lint", source, lambda: _lint(context)))
    return tuple(found)


def _run(command: str, source: Source, check: Callable[[], Outcome]) -> Outcome:
    try:
        return check()
    except CodegenError:
        raise
    except Exception as error:
        # Rules are the project's own Python, and tests call its models and macros.
        raise ProjectError(
            f"`sqlmesh {command}` cannot run in {names(source.paths)}",
            detail=f"{type(error).__name__}: {error}",
            hint=f"`sqlmesh {command}` shows it in full.",
        ) from error


def _tests(context: Context) -> Outcome:
    connection = context.test_connection_config
    if not isinstance(connection, DuckDBConnectionConfig):
        raise UsageError(
            f"the unit tests need a connection of type {connection.type_}, and --check is offline",
            hint="Run `sqlmesh test` instead of --with-tests, or remove `test_connection` from "
            "the SQLMesh configuration: they run on DuckDB then.",
        )
    result = context.test()
    failed = len(result.failures) + len(result.errors)
    if not result.testsRun:
        return Outcome("tests", "none: no tests/test_*.yaml has any")
    if failed:
        return Outcome("tests", f"{failed} of {result.testsRun} failed", failed=True)
    return Outcome("tests", f"{result.testsRun} passed")


def _lint(context: Context) -> Outcome:
    if not any(config.linter.enabled for config in context.configs.values()):
        return Outcome("lint", "off: set `linter: {enabled: true}` in the SQLMesh configuration")
    found = Counter(each.violation_type for each in context.lint_models(raise_on_error=False))
    words = f"errors: {found['error']}, warnings: {found['warning']}"
    return Outcome("lint", words, failed=found["error"] > 0)
