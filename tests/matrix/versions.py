"""The versions that CI tries, what it tries with each, and the table of what happened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

# What the tests need besides this project.
TEST_PACKAGES = ("pytest>=8.4", "hypothesis>=6.130", "jsonschema>=4", "psycopg2-binary>=2.9.10")
# The columns of the table, with the tests of each.
PARTS = {
    "generate": ("tests/matrix/test_generated.py", "tests/sqlmesh_project"),
    "plan, materialize": (
        "tests/e2e/test_materialize.py",
        "tests/e2e/test_not_due.py",
        "tests/e2e/test_checks_alone.py",
    ),
    "failures": ("tests/e2e/test_failures.py",),
    "tick": ("tests/e2e/test_tick.py",),
    "component": ("tests/component", "tests/e2e/test_component.py"),
    "change report": ("tests/change_report/test_golden.py",),
    "doctor": ("tests/e2e/test_doctor.py",),
    "runtime": ("tests/runtime",),
    "example": ("tests/e2e/test_example.py",),
}
# What needs packages that only the whole suite has, and what is about those.
NOT_HERE = ("snowflake", "dbt", "of_this_environment")
COLUMNS = ("", "SQLMesh", "Dagster", "Python", *PARTS)


@dataclass(frozen=True)
class Row:
    """An environment.

    Args:
        name: what the table calls it.
        sqlmesh: a version.
        dagster: a version, also that of the `dg` command.
        python: its minor version.
        others: further arguments of `uv pip install`.
        dg: whether that version has a `dg` command.
        parts: the columns whose tests run.
    """

    name: str
    sqlmesh: str
    dagster: str
    python: str
    others: tuple[str, ...] = ()
    dg: bool = True
    parts: tuple[str, ...] = tuple(PARTS)

    @property
    def tests(self) -> list[str]:
        """The paths of the tests that run."""
        return [path for part in self.parts for path in PARTS[part]]

    @property
    def packages(self) -> list[str]:
        """What is installed besides this project."""
        of_dagster = ("dagster", *(("dagster-dg-cli", "create-dagster") if self.dg else ()))
        pins = [f"{each}=={self.dagster}" for each in of_dagster]
        return [f"sqlmesh=={self.sqlmesh}", *pins, *self.others, *TEST_PACKAGES]

    @property
    def versions(self) -> list[str]:
        """The first cells of the row."""
        return [self.name, self.sqlmesh, self.dagster, self.python]


# SQLMesh below 0.236 does not say that it fails with these.
_BEFORE = ("duckdb<2", "pandas<3")
_OF_OTHERS = ("generate", "plan, materialize", "tick", "runtime")
ROWS = (
    # The lowest version that pyproject.toml accepts of every dependency.
    Row("oldest of all", "0.206.1", "1.11.4", "3.11", ("--resolution=lowest-direct",)),
    # The same SQLMesh and Dagster: what the newest versions of the others may break.
    Row("oldest", "0.206.1", "1.11.4", "3.11", _BEFORE, parts=_OF_OTHERS),
    Row("middle", "0.225.0", "1.12.0", "3.12", _BEFORE),
    Row("newest", "0.236.4", "1.13.29", "3.13", dg=False),  # PyPI's last dagster-dg-cli is 1.13.27
)


def table(rows: Mapping[Row, Element]) -> str:
    """Return the Markdown table of pytest's reports."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    for row, report in rows.items():
        cells = [
            _cell(report, tests) if part in row.parts else "not run"
            for part, tests in PARTS.items()
        ]
        lines.append([*row.versions, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rows_in(text: str) -> list[list[str]]:
    """Return the cells of such a table in a document."""
    lines = [line.split(" | ") for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)]
    return [cells for cells in lines if len(cells) == len(COLUMNS) and "---" not in cells]


def _cell(report: Element, tests: Iterable[str]) -> str:
    """Return whether the tests of a part passed, and why some of them were left out."""
    cases = [case for case in report.iter("testcase") if _module(case).startswith(tuple(tests))]
    failed = [case for case in cases if {"failure", "error"} & {child.tag for child in case}]
    skipped = [each for case in cases for each in case.iter("skipped")]
    if failed or not cases:
        return f"{len(failed)} of {len(cases)} failed"
    ran = [] if len(skipped) == len(cases) else ["ok"]
    return "; ".join([*ran, *sorted({f"left out: {each.get('message')}" for each in skipped})])


def _module(case: Element) -> str:
    """Return the path of a test's module. A module that cannot be imported has only a name."""
    return (case.get("classname") or case.get("name") or "").replace(".", "/") + ".py"
