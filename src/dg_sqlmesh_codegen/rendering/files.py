"""What a generation makes, as plain records that need neither Jinja, black nor SQLMesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class File:
    """A file of the package: its path relative to the output folder, and its text."""

    path: PurePosixPath
    text: str


@dataclass(frozen=True, slots=True)
class JobContents:
    """A job: how many models it has, and its schedules as in `Contents`."""

    name: str
    models: int
    schedules: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a package, for the summary of a command.

    `models`, `edges` and `checks` count the Dagster graph. `schedules` are pairs of an IANA time
    zone and the crons in it. `unset_variables` are those of `Project`: with other values in the
    environment, the package differs. `hidden_tables` counts the external tables without an asset.
    `jobs` are those in place of the one of all models, and `in_no_job` names models that none has.
    """

    models: int
    edges: int
    checks: int
    schedules: tuple[tuple[str, tuple[str, ...]], ...]
    warnings: tuple[str, ...]
    unset_variables: tuple[str, ...] = ()
    hidden_tables: int = 0
    jobs: tuple[JobContents, ...] = ()
    in_no_job: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """The whole package."""

    files: tuple[File, ...]
    contents: Contents
