"""What the tests of bad input share: the command line's error, and the file of all messages.

In messages.txt each case is a block: the bad input, and below it the message. For a new case write
the input. Then, as after a change of wording: `UPDATE_GOLDEN=1 python -m pytest tests/bad_input`,
and read the difference as a user.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main

MESSAGES = Path(__file__).parent / "bad_input" / "messages.txt"
TABLE = "[tool.dg_sqlmesh_codegen]"
# How the sentence starts that tells what to do. A syntax error names line and column instead.
REMEDY = re.compile(
    r"[.:] (Add|Change|Choose|Did you mean|Example:|Move|Name|Remove|Rename|Replace|Return|Set"
    r"|The keys|The variables|Write|It is (made|imported)|While generating|--debug)"
    r"|not valid (YAML|TOML)|cannot be read"
)


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command line, which must fail with exit code 2 and one line; return that line."""
    code = main(arguments)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("...")]
    assert len(lines) == 1, lines
    assert code == 2, lines
    assert not Path("defs", "definitions.py").exists()
    return lines[0].replace(str(Path.cwd()), "{folder}")


def write_table(*lines: str) -> None:
    """Write a pyproject.toml with our table."""
    Path("pyproject.toml").write_text("\n".join((TABLE, *lines)), encoding="utf-8")


def cases(section: str) -> list[str]:
    """Return the bad input of a section of messages.txt."""
    return [*_messages()[section]]


def expect(section: str, given: str, message: str) -> None:
    """Require that a message has a remedy, and compare it with the file."""
    assert REMEDY.search(message), message
    messages = _messages()
    if os.environ.get("UPDATE_GOLDEN"):
        messages[section][given] = message
        blocks: list[str] = []
        for name, found in messages.items():
            blocks += (f"## {name}", *(_block(*each) for each in found.items()))
        MESSAGES.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    assert message == messages[section][given]


def _block(given: str, message: str) -> str:
    return "\n".join([*given.splitlines(), *([f"    {message}"] if message else [])])


def _messages() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for block in MESSAGES.read_text(encoding="utf-8").rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        message = lines.pop().strip() if lines[-1].startswith("    error:") else ""
        if block.startswith("## "):
            section = found.setdefault(block.removeprefix("## "), {})
        else:
            section["\n".join(lines)] = message
    return found
