"""SQLMesh's own unit tests and linter run offline, and what they find."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.errors import ProjectError, UsageError
from dg_sqlmesh_codegen.sqlmesh_project import own_checks
from dg_sqlmesh_codegen.sqlmesh_project.own_checks import Outcome
from dg_sqlmesh_codegen.sqlmesh_project.records import Source
from projects import DUCKDB, model, write_project

pytestmark = pytest.mark.sqlmesh

# A state and a warehouse that nobody can reach.
SNOWFLAKE = """
gateways:
  local:
    connection: {type: snowflake, account: a, user: u, password: p, database: shop}
    state_connection: {type: postgres, host: none, user: u, password: p, port: 1, database: d}
model_defaults: {dialect: snowflake, start: 2026-01-01}
"""
LINTED = "linter: {enabled: true, rules: [noselectstar]}\n"
TEST = """
test_doubled:
  model: a.doubled
  inputs:
    a.one:
      rows:
      - id: 2
  outputs:
    query:
      rows:
      - twice: %s
"""
FILES = {
    "models/one.sql": model("a.one", "SELECT 1::INT AS id"),
    "models/doubled.sql": model("a.doubled", "SELECT (id * 2)::INT AS twice FROM a.one"),
}


def project(folder: Path, files: dict[str, str], config: str) -> Source:
    return Source((write_project(folder, {**FILES, **files}, config=config),))


def test_unit_tests_of_a_project_without_warehouse_and_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = project(tmp_path, {"tests/test_a.yaml": TEST % 4}, SNOWFLAKE)
    assert own_checks.run(source, None, tests=True, lint=True) == (
        Outcome("tests", "1 passed"),
        Outcome("lint", "off: set `linter: {enabled: true}` in the SQLMesh configuration"),
    )
    (tmp_path / "tests/test_a.yaml").write_text(TEST % 5)
    found = own_checks.run(source, None, tests=True, lint=False)

    assert found == (Outcome("tests", "1 of 1 failed", failed=True),)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "test_doubled" in printed.err
    assert "twice" in printed.err.lower()  # in the table of what differs


def test_no_unit_tests(tmp_path: Path) -> None:
    source = project(tmp_path, {}, DUCKDB)
    found = own_checks.run(source, None, tests=True, lint=False)
    assert found == (Outcome("tests", "none: no tests/test_*.yaml has any"),)


def test_a_connection_for_tests_that_is_not_duckdb(tmp_path: Path) -> None:
    server = "{type: postgres, host: none, user: u, password: p, port: 1, database: d}"
    config = f"{DUCKDB}default_test_connection: {server}\n"
    source = project(tmp_path, {"tests/test_a.yaml": TEST % 4}, config)
    with pytest.raises(UsageError, match="type postgres, and --check is offline"):
        own_checks.run(source, None, tests=True, lint=False)


def test_errors_of_the_linter_fail_and_warnings_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    star = {"models/star.sql": model("a.star", "SELECT * FROM a.one")}
    source = project(tmp_path, star, DUCKDB + LINTED)
    found = own_checks.run(source, None, tests=False, lint=True)
    assert found == (Outcome("lint", "errors: 1, warnings: 0", failed=True),)
    assert "noselectstar" in capsys.readouterr().err

    (tmp_path / "config.yaml").write_text(
        f"{DUCKDB}linter: {{enabled: true, warn_rules: [noselectstar]}}\n"
    )
    found = own_checks.run(source, None, tests=False, lint=True)
    assert found == (Outcome("lint", "errors: 0, warnings: 1"),)


def test_a_rule_that_raises_is_one_line(tmp_path: Path) -> None:
    rule = """
    from sqlmesh.core.linter.rule import Rule

    class Broken(Rule):
        def check_model(self, model):
            raise LookupError("no such owner")
    """
    config = f"{DUCKDB}linter: {{enabled: true, rules: [broken]}}\n"
    source = project(tmp_path, {"linter/rules.py": rule}, config)
    with pytest.raises(ProjectError, match=r"LookupError: no such owner.*shows it in full"):
        own_checks.run(source, None, tests=False, lint=True)


def test_one_command_is_the_gate_of_a_pull_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path / "project", {"tests/test_a.yaml": TEST % 4}, DUCKDB + LINTED)
    generate = [str(tmp_path / "project"), "-o", str(tmp_path / "defs")]
    check = [*generate, "--check", "--with-tests", "--with-lint"]
    assert main(generate) == 0
    assert main([*generate, "--with-lint"]) == 2
    assert main(check) == 0
    said = capsys.readouterr().err
    assert "tests     1 passed\n" in said
    assert "lint      errors: 0, warnings: 0\n" in said

    # A test is no part of the package, and nothing that was kept answers for it.
    (tmp_path / "project/tests/test_a.yaml").write_text(TEST % 5)
    assert main([*generate, "--check"]) == 0
    assert main(check) == 1
    assert "tests     1 of 1 failed\n" in capsys.readouterr().err
