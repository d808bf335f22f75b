"""What `--check` and the summary say where another version of SQLMesh made the package.

Measured by generating with both versions (SQLMesh's own examples have other models moved by the
same releases): the models of the example whose code version moves.

    0.206.1 -> 0.215.0   all 13; the text of queries is hashed since then (migration v0093)
    0.215.0 -> 0.231.1   the seeds, countries and products
    0.231.1 -> 0.235.4   none
    0.235.4 -> 0.236.4   customer_segments, a Python model (migration v0102)

Migration v0101 (arguments of custom audits) moves the hash of metadata, and so no code version.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main

pytestmark = [pytest.mark.sqlmesh, pytest.mark.xdist_group("change_report")]

# The code version of customer_segments, by the version of SQLMesh.
BEFORE, NOW = ("0.235.4", "1631358499"), ("0.236.4", "4016961913")
SEGMENTS = "models/shop/marts/customer_segments.py"


@pytest.fixture
def folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example with the package that SQLMesh 0.235.4 made of it."""
    for name in ("shop", "defs"):
        ignored = shutil.ignore_patterns("__pycache__", ".cache", "*.duckdb*")
        shutil.copytree(root / "generated_example" / name, tmp_path / name, ignore=ignored)
    edit(tmp_path / "defs/definitions.py", f'version": "{NOW[0]}"', f'version": "{BEFORE[0]}"')
    edit(tmp_path / "defs" / SEGMENTS, NOW[1], BEFORE[1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file}: {old}"
    file.write_text(text.replace(old, new))


def check(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run `--check` with a summary, and return what it prints up to the flowchart."""
    assert main(["shop", "-o", "defs", "--check", "--summary", "--quiet"]) == 1
    return [line for line in capsys.readouterr().out.partition("\n```")[0].splitlines() if line]


@pytest.mark.usefixtures("folder")
def test_an_upgrade_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys) == [
        "defs is out of date by an upgrade of SQLMesh (0.235.4 -> 0.236.4), files: 2",
        "Run: python -m dg_sqlmesh_codegen shop -o defs",
        "### Changes to the asset graph",
        "1 model changed by an upgrade of SQLMesh (`0.235.4` → `0.236.4`), 1 setting changed.",
        "**Code version changed by an upgrade of SQLMesh (`0.235.4` → `0.236.4`)**",
        "- `shop/marts/customer_segments`: same code, as far as the package shows",
        "**Settings**",
        "- version of SQLMesh: `0.235.4` → `0.236.4`",
    ]


def test_an_edit_beside_an_upgrade(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(
        folder / "shop/models/marts/monthly_revenue.sql", "SUM(pieces)::BIGINT", "SUM(pieces)::INT"
    )
    said = check(capsys)

    assert said[:2] == [
        "defs/models/shop/marts/monthly_revenue.py is out of date",
        "defs is out of date by an upgrade of SQLMesh (0.235.4 -> 0.236.4), files: 2",
    ]
    assert said[4] == (
        "1 model changed directly, 1 model changed by an upgrade of SQLMesh (`0.235.4` → "
        "`0.236.4`), 1 column changed, 1 setting changed."
    )


def test_the_same_sqlmesh_is_no_upgrade(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / "defs/definitions.py", f'version": "{BEFORE[0]}"', f'version": "{NOW[0]}"')
    said = check(capsys)

    assert said[0] == f"defs/{SEGMENTS} is out of date"
    assert said[3] == "1 model changed directly."
