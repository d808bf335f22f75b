"""The table of tested versions: how it is made of pytest's reports, and the README's."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

from matrix.versions import PARTS, ROWS, Row, rows_in, table

ROW = Row("old", "1.2", "3.4", "3.11")
REPORT = """
<testsuites><testsuite>
  <testcase classname="tests.e2e.test_materialize" name="a"/>
  <testcase classname="tests.e2e.test_materialize" name="b"><skipped message="no seeds"/></testcase>
  <testcase classname="tests.e2e.test_tick" name="c"><failure/></testcase>
  <testcase classname="tests.e2e.test_tick" name="d"/>
  <testcase classname="" name="tests.e2e.test_doctor"><error/></testcase>
  <testcase classname="tests.runtime.test_step" name="f"><skipped message="no run"/></testcase>
</testsuite></testsuites>
"""


def test_the_table_of_a_report() -> None:
    text = table({ROW: Xml.fromstring(REPORT)})
    (header, cells) = rows_in(text)

    assert cells[:4] == ["old", "1.2", "3.4", "3.11"]
    assert dict(zip(header[4:], cells[4:], strict=True)) == {
        **dict.fromkeys(PARTS, "0 of 0 failed"),
        "plan, materialize": "ok; left out: no seeds",
        "tick": "1 of 2 failed",
        "doctor": "1 of 1 failed",
        "runtime": "left out: no run",
    }


def test_a_row_that_runs_some_of_the_parts() -> None:
    text = table({replace(ROW, parts=("plan, materialize",)): Xml.fromstring(REPORT)})
    (header, cells) = rows_in(text)

    assert dict(zip(header[4:], cells[4:], strict=True)) == {
        **dict.fromkeys(PARTS, "not run"),
        "plan, materialize": "ok; left out: no seeds",
    }


def test_every_part_exists(root: Path) -> None:
    assert [path for paths in PARTS.values() for path in paths if not (root / path).exists()] == []


def test_the_readme_has_the_table(root: Path) -> None:
    """`tests/matrix/run.py`, a step of `.ci/run`, compares the results."""
    _, *rows = rows_in((root / "README.md").read_text(encoding="utf-8"))

    assert [cells[:4] for cells in rows] == [row.versions for row in ROWS]
    assert [cell for cells in rows for cell in cells[4:] if "failed" in cell] == []


def test_the_versions_are_those_of_pyproject(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    oldest, *_ = ROWS

    assert {f"sqlmesh>={oldest.sqlmesh}", f"dagster>={oldest.dagster}"} < {*project["dependencies"]}
    assert project["requires-python"] == f">={oldest.python}"
    assert found == sorted({row.python for row in ROWS})


def test_both_compatibility_modules_name_the_versions_of_the_matrix(root: Path) -> None:
    oldest, newest = ROWS[0].sqlmesh, ROWS[-1].sqlmesh
    for half in ("sqlmesh_project", "runtime/sqlmesh"):
        text = (root / "src/dg_sqlmesh_codegen" / half / "compat.py").read_text(encoding="utf-8")
        found = re.findall(r'^_?OLDEST, _?NEWEST = "(.+)", "(.+)"$', text, re.MULTILINE)
        assert found == [(oldest, newest)], half


def test_the_readme_says_what_the_whole_suite_runs_with(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = re.findall(
        r"^(dagster-dg-cli|sqlmesh)>=(\S+)$",
        "\n".join(project["optional-dependencies"]["dev"]),
        re.MULTILINE,
    )
    newest = dict(tools)

    said = f"Dagster {newest['dagster-dg-cli']} and SQLMesh {newest['sqlmesh']}"
    assert said in (root / "README.md").read_text(encoding="utf-8")
