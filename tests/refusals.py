"""What the tests of bad input have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main

TABLE = "[tool.dg_sqlmesh_codegen]"
COMPONENT = "type: dg_sqlmesh_codegen.SQLMeshProjectComponent\n"
GROUP = "Dagster takes letters, digits and _ in a group's name, and / between nested groups"
OWNER = "an owner is an e-mail address or team:name"


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command line, which has to refuse with one line, and return that line."""
    code = main(arguments)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("...")]
    assert len(lines) == 1, lines
    assert code == 2, lines
    assert not Path("defs", "definitions.py").exists()
    return lines[0]
