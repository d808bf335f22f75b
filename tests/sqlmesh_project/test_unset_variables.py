"""Variables of a YAML configuration whose environment variable is not set."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh

CONFIG = """
gateways:
  local:
    connection: {type: duckdb, database: warehouse.db}
    variables: {tier: "{{ env_var('TIER') }}"}
model_defaults: {dialect: duckdb, start: 2026-01-01}
variables:
  Region: "{{ env_var('REGION') }}"
  joined: "{{ env_var('ONE_A') }}_{{ env_var('TWO_B') }}"
  defaulted: "{{ env_var('DEFAULTED', 'x') }}"
  chosen: "{{ env_var('CHOSEN') or 'y' }}"
  in_dotenv: "{{ env_var('IN_DOTENV') }}"
"""
FILES = {
    ".env": "IN_DOTENV=1\n",
    "models/a.sql": model("s.a", "SELECT @region AS r, @defaulted AS d", kind="FULL"),
    "models/b.sql": """
        MODEL (name s.b, kind FULL);
        JINJA_QUERY_BEGIN;
        SELECT '{{ var('tier') }}' AS tier;
        JINJA_END;
    """,
    "models/c.py": """
        from sqlmesh import model

        @model("s.c", kind="FULL", columns={"id": "int"})
        def execute(context, **kwargs):
            return context.var("region")
    """,
}
REGION = (
    "the SQLMesh variable region contains the text None in the models {}, because REGION is not set"
)
TIER = "the SQLMesh variable tier contains the text None in the models {}, because TIER is not set"
JOINED = ("ONE_A", "TWO_B")


def test_a_variable_that_is_not_set_is_a_warning_and_with_check_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write_project(tmp_path / "project", FILES, config=CONFIG)
    command = [str(project), "-o", str(tmp_path / "defs")]
    region, tier = REGION.format("warehouse.s.a, warehouse.s.c"), TIER.format("warehouse.s.b")

    assert main(command) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: the")]
    joined = [
        f"the SQLMesh variable joined contains the text None, because {x} is not set"
        for x in JOINED
    ]
    assert notes == [f"note: {each}" for each in (*joined, region, tier)]

    assert main([*command, "--check", "--quiet"]) == 3
    assert capsys.readouterr().err == (
        f"error: {'; '.join([*joined, region, tier])}. Set them to the values with which the "
        "package is generated, or give env_var a default.\n"
    )

    monkeypatch.setenv("REGION", "north")
    for name in ("TIER", *JOINED):
        monkeypatch.setenv(name, "")
    assert main([*command, "--quiet"]) == main([*command, "--check", "--quiet"]) == 0
