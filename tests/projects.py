"""Small SQLMesh projects, written into a test's folder."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

DUCKDB = """
gateways:
  local:
    connection: {type: duckdb, database: warehouse.db}
model_defaults: {dialect: duckdb, start: 2026-01-01}
"""


def write_project(folder: Path, files: Mapping[str, str], *, config: str = DUCKDB) -> Path:
    """Write a project: its config.yaml and the given files, by path relative to the folder."""
    return write(folder, {"config.yaml": config, **files})


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files by path relative to the folder, without the indentation of the test."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return folder


def quoted(text: str) -> str:
    """Return a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def model(name: str, query: str = "SELECT 1 AS id", **properties: str) -> str:
    """Return the text of a SQL model; properties as SQLMesh writes them, `kind="FULL"`."""
    lines = [f"name {name}", *(f"{key} {value}" for key, value in properties.items())]
    return f"MODEL ({', '.join(lines)});\n{query}\n"
