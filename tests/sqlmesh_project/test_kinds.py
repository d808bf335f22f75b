"""Every kind of model and every corner of a project, loaded by real SQLMesh, offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, Project, Source
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from projects import DUCKDB, model, write_project

pytestmark = pytest.mark.sqlmesh

SNOWFLAKE = """
gateways:
  main:
    connection: {type: snowflake, account: a, database: lake}
model_defaults: {dialect: snowflake, start: 2026-01-01, audits: [not_null(columns := (id))]}
"""
QUERY = "SELECT id::INT AS id, day::DATE AS day FROM raw.source"
# The kind, and what Dagster calls it.
KINDS = {
    "FULL": "table",
    "VIEW": "view",
    "VIEW (materialized true)": "view",
    "INCREMENTAL_BY_TIME_RANGE (time_column day)": "table",
    "INCREMENTAL_BY_UNIQUE_KEY (unique_key id)": "table",
    "INCREMENTAL_BY_PARTITION": "table",
    "INCREMENTAL_UNMANAGED": "table",
    "SCD_TYPE_2_BY_TIME (unique_key id, updated_at_name day)": "table",
    "SCD_TYPE_2_BY_COLUMN (unique_key id, columns (day))": "table",
    "MANAGED": "table",
}


def inspect(folder: Path, files: dict[str, str], config: str = SNOWFLAKE) -> Project:
    return describe.inspect(Source((write_project(folder, files, config=config),)))


def by_name(project: Project) -> dict[str, Model]:
    return {found.view_name: found for found in project.models}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind(kind: str, tmp_path: Path) -> None:
    properties = {"kind": kind}
    if kind == "INCREMENTAL_BY_PARTITION":
        properties["partitioned_by"] = "(day)"
    if kind == "MANAGED":
        properties["physical_properties"] = "(target_lag = '1 hour', warehouse = 'w')"
    (found,) = inspect(tmp_path, {"models/a.sql": model("s.a", QUERY, **properties)}).models

    assert found.kind == kind.partition(" ")[0]
    assert SQLMeshTranslator().get_kinds(found) == ("sqlmesh", "snowflake", KINDS[kind])
    assert found.materialized_view == ("materialized" in kind)
    assert found.depends_on == ('"LAKE"."RAW"."SOURCE"',)
    # From `model_defaults`: an audit that no model file names.
    assert [use.audit.name for use in found.audits] == ["not_null"]


def test_what_is_no_sql_file(tmp_path: Path) -> None:
    files = {
        "seeds/a.csv": "id,word\n1,x\n",
        "models/seed.sql": "MODEL (name s.seeded, kind SEED (path '../seeds/a.csv'));",
        "models/python.py": """
            import typing as t
            from sqlmesh import ExecutionContext, model

            @model("s.in_python", kind="FULL", columns={"id": "int"}, depends_on={"s.seeded"})
            def execute(context: ExecutionContext, **kwargs: t.Any) -> None:
                return None
        """,
        "models/blueprint.sql": """
            MODEL (name s.@region, kind FULL, blueprints ((region := north), (region := south)));
            SELECT id FROM s.in_python
        """,
        "models/jinja.sql": """
            MODEL (name s.in_jinja, kind FULL);
            JINJA_QUERY_BEGIN;
            SELECT id FROM {% if true %} s.north {% else %} s.south {% endif %}
            JINJA_END;
        """,
        "models/off.sql": model("s.off", QUERY, enabled="false"),
        "models/signal.sql": model("s.signalled", QUERY, kind="FULL", signals="(ready())"),
        "signals/ready.py": """
            from sqlmesh import signal

            @signal()
            def ready(batch):
                return True
        """,
    }
    config = SNOWFLAKE.replace(", audits: [not_null(columns := (id))]", "")
    found = by_name(inspect(tmp_path, files, config))

    assert set(found) == {"SEEDED", "IN_PYTHON", "NORTH", "SOUTH", "IN_JINJA", "SIGNALLED"}
    assert found["SEEDED"].is_seed
    assert found["IN_PYTHON"].depends_on == (found["SEEDED"].fqn,)
    assert found["SOUTH"].depends_on == (found["IN_PYTHON"].fqn,)
    assert found["IN_JINJA"].depends_on == (found["NORTH"].fqn,)
    assert found["SIGNALLED"].signals == ("ready",)


def test_what_sqlmesh_has_not_rendered_is_not_shown(tmp_path: Path) -> None:
    files = {
        "models/returns_sql.py": """
            from sqlglot import exp
            from sqlmesh import model

            blueprints = [{"name": "north"}, {"name": "south"}]

            @model("s.@{name}", is_sql=True, kind="FULL", grain=["@{name}", "id"],
                   blueprints=blueprints)
            def entrypoint(evaluator):
                return exp.select("1 AS id")
        """,
    }
    dialect = "'duckdb,normalization_strategy = case_sensitive'"
    found = by_name(
        inspect(tmp_path, files, DUCKDB.replace("dialect: duckdb", f"dialect: {dialect}"))
    )

    assert set(found) == {"north", "south"}
    for each in found.values():
        assert (each.dialect, each.query, each.grains) == ("duckdb", 'SELECT\n  1 AS "id"', ("id",))


def test_the_engine_is_that_of_the_gateway(tmp_path: Path) -> None:
    config = """
        gateways:
          lake: {connection: {type: duckdb, database: lake.db}}
          shop: {connection: {type: mssql, host: h, database: d, user: u, password: p}}
        default_gateway: lake
        model_defaults: {dialect: bigquery, start: 2026-01-01}
    """
    files = {
        "models/a.sql": model("s.a", kind="FULL"),
        "models/b.sql": model("s.b", kind="FULL", gateway="shop"),
    }
    found = by_name(inspect(tmp_path, files, config))

    engines = {name: (each.dialect, each.engine) for name, each in found.items()}
    assert engines == {"a": ("bigquery", "duckdb"), "b": ("bigquery", "tsql")}
