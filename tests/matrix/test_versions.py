"""The table of tested versions: how it is made of pytest's reports, and the README's."""

from __future__ import annotations

import tomllib
from pathlib import Path
from xml.etree import ElementTree

from matrix.versions import PARTS, ROWS, Row, rows_in, table

ROW = Row("old", "1.2", "3.4", "3.11")
REPORT = """
<testsuites><testsuite>
  <testcase classname="tests.e2e.test_materialize" name="a"/>
  <testcase classname="tests.e2e.test_materialize" name="b"><skipped message="no seeds"/></testcase>
  <testcase classname="tests.e2e.test_tick" name="c"><failure/></testcase>
  <testcase classname="tests.e2e.test_tick" name="d"/>
  <testcase classname="" name="tests.e2e.test_doctor"><error/></testcase>
  <testcase classname="tests.runtime.sqlmesh.test_run" name="f"><skipped message="no run"/></testcase>
</testsuite></testsuites>
"""


def test_the_table_of_a_report() -> None:
    text = table({ROW: ElementTree.fromstring(REPORT)})
    (header, cells) = rows_in(text)

    assert cells[:4] == ["old", "1.2", "3.4", "3.11"]
    assert dict(zip(header[4:], cells[4:], strict=True)) == {
        **dict.fromkeys(PARTS, "0 of 0 failed"),
        "plan, materialize": "ok",
        "tick": "1 of 2 failed",
        "doctor": "1 of 1 failed",
        "runtime": "left out",
    }
    assert text.endswith("\n\nold: no run\nold: no seeds")


def test_every_part_exists(root: Path) -> None:
    assert [path for paths in PARTS.values() for path in paths if not (root / path).exists()] == []


def test_the_readme_has_the_table(root: Path) -> None:
    """`tests/matrix/run.py`, a step of `.ci/run`, compares the results."""
    _, *rows = rows_in((root / "README.md").read_text(encoding="utf-8"))

    assert [cells[:4] for cells in rows] == [row.versions for row in ROWS]
    assert {cell for cells in rows for cell in cells[4:]} <= {"ok", "left out"}


def test_the_lowest_versions_are_those_of_pyproject(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest, newest = ROWS[0], ROWS[-1]
    pythons = {row.python for row in ROWS}
    classified = {each.rpartition(" ")[2] for each in project["classifiers"]}

    assert f"sqlmesh>={lowest.sqlmesh}" in project["dependencies"]
    assert f"dagster>={lowest.dagster}" in project["dependencies"]
    assert project["requires-python"] == f">={lowest.python}"
    assert {each for each in classified if each.startswith("3.")} == pythons
    assert newest.python == max(pythons)
