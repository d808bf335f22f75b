"""What a generation makes, as plain records: nothing heavy is imported to hold them.

A run that finds nothing changed (`record`) has these in its hands without Jinja, black or SQLMesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from dg_sqlmesh_codegen.python_names import Identifier


@dataclass(frozen=True, slots=True)
class File:
    """A file of the package: its path relative to the output folder, and its text."""

    path: PurePosixPath
    text: str


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """A schedule as the template sees it: one cron is written as text, several as a list."""

    name: str
    function: Identifier
    timezone: str
    crons: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The whole package, as its inputs make it, and what the summary says of it.

    `models`, `edges` and `checks` count the Dagster graph.
    """

    files: tuple[File, ...]
    models: int
    edges: int
    checks: int
    schedules: tuple[NamedSchedule, ...]
    notes: tuple[str, ...]
