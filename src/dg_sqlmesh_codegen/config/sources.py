"""A layer: the values from one place. `pyproject.toml` is one; `defs_yaml` reads another."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dg_sqlmesh_codegen.errors import UsageError

from .model import KEYS
from .toml import toml

TABLE = "tool.dg_sqlmesh_codegen"
_NAME = "dg_sqlmesh_codegen"
_ALIKE = 0.85  # ratio of names that are a misspelling of ours: dashes, a letter too many
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place.

    Args:
        where: the place, as an error names it.
        base: the folder that relative paths start from; None leaves them as they are.
        values: by key of the configuration.
        names: the name of a key in that place, where it differs from the key.
        known: the names that are possible in that place.
        write: returns a value in the syntax of that place.
    """

    where: str
    base: Path | None
    values: Mapping[str, object]
    names: Mapping[str, str] = field(default_factory=dict)
    known: Sequence[str] = KEYS
    write: Callable[[object], str] = toml


def pyproject_layer(start: Path) -> Layer | None:
    """Return our table of the nearest pyproject.toml that has one, from `start` upwards.

    Raises:
        UsageError: the file is not valid TOML, or our name in it is not a table.
    """
    for folder in (start, *start.parents):
        path = folder / PYPROJECT
        if path.is_file():
            table = _own_table(path)
            if table is not None:
                return Layer(f"{shown(path)} [{TABLE}]", folder, table)
        if (folder / ".git").exists():  # a repository does not configure another one
            return None
    return None


def _own_table(path: Path) -> Mapping[str, object] | None:
    document = read_toml(path)
    tools = tool_tables(document)
    alike = [f"tool.{name}" for name in _alike(tools) if name != _NAME]
    alike += [name for name in _alike(document) if isinstance(document[name], dict)]
    if alike:
        raise UsageError(
            f"{shown(path)}: the table [{alike[0]}] is unknown", hint=f"Rename it to [{TABLE}]."
        )
    table = tools.get(_NAME)
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{shown(path)}: {TABLE} must be a table", hint=f"Write [{TABLE}].")
    return table


def _alike(names: Mapping[str, object]) -> list[str]:
    return difflib.get_close_matches(_NAME, names, cutoff=_ALIKE)


def tool_tables(document: Mapping[str, object]) -> Mapping[str, object]:
    """Return the tables `[tool.*]` of a pyproject.toml by name."""
    tools = document.get("tool")
    return tools if isinstance(tools, dict) else {}


def read_toml(path: Path) -> dict[str, object]:
    """Return the content of a TOML file.

    Raises:
        UsageError: it cannot be read, or is not valid TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{shown(path)} is not valid TOML", detail=str(error)) from error


def read_text(path: Path) -> str:
    """Return the content of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown(path)} cannot be read", detail=str(error)) from error


def shown(path: Path) -> str:
    """Return the path as it is typed in the working directory."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
