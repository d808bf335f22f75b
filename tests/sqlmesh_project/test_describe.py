"""Real SQLMesh projects, loaded offline and described."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NoReturn

import pytest

from dg_sqlmesh_codegen.errors import ProjectError, UsageError
from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Model, Project, Source
from projects import DUCKDB, model, write_project

pytestmark = pytest.mark.sqlmesh


def inspect(folder: Path, gateway: str | None = None) -> Project:
    return describe.inspect(Source((folder,), gateway))


def inspect_one(folder: Path, text: str) -> Model:
    project = inspect(write_project(folder, {"models/a.sql": text}))
    assert len(project.models) == 1
    return project.models[0]


def test_what_a_model_says_of_itself(tmp_path: Path) -> None:
    found = inspect_one(
        tmp_path,
        """
        -- Ignored: the description is the property.
        MODEL (
          name sales.orders,
          kind INCREMENTAL_BY_TIME_RANGE (time_column day, auto_restatement_cron '0 12 * * *'),
          cron '@hourly',
          cron_tz 'Europe/Berlin',
          owner analytics,
          tags (finance, 'dagster:group_name:marts'),
          description 'It''s "quoted", \\ and {braced}',
          grain (id, day),
          partitioned_by (id),
          clustered_by (id, "a word"),
          start '2026-02-03',
          column_descriptions (id = 'The key')
        );
        SELECT id::INT, day::DATE, 'x' AS "a word" FROM raw.orders
        """,
    )

    assert found.fqn == '"warehouse"."sales"."orders"'
    assert found.name == "warehouse.sales.orders"
    assert (found.kind, found.dialect) == ("INCREMENTAL_BY_TIME_RANGE", "duckdb")
    assert (found.cron, found.cron_tz) == ("@hourly", "Europe/Berlin")
    assert found.auto_restatement_cron == "0 12 * * *"
    assert (found.owner, found.tags) == ("analytics", ("finance", "dagster:group_name:marts"))
    assert found.description == 'It\'s "quoted", \\ and {braced}'
    assert found.grains == ("(id, day)",)
    assert found.partitioned_by == ("day", "id")
    assert found.clustered_by == ("id", '"a word"')
    assert found.start == "2026-02-03"
    assert found.columns == (
        Column("id", "INT", "The key"),
        Column("day", "DATE"),
        Column("a word", "TEXT"),
    )
    assert found.depends_on == ('"warehouse"."raw"."orders"',)
    assert found.source == tmp_path / "models" / "a.sql"
    assert found.data_hash.isdigit()


def test_every_form_of_audit(tmp_path: Path) -> None:
    found = inspect_one(
        tmp_path,
        """
        MODEL (
          name a.b,
          kind FULL,
          audits (
            not_null(columns := (id, x)),
            not_null(columns := (x), blocking := false),
            unique_values_non_blocking(columns := (id)),
            inline_one
          )
        );
        SELECT 1 AS id, 2 AS x;

        AUDIT (name inline_one, blocking false);
        SELECT * FROM @this_model WHERE id > 1;

        AUDIT (name never_run, skip true);
        SELECT * FROM @this_model WHERE id > 2;
        """,
    )

    assert [(use.audit.name, use.args, use.blocking) for use in found.audits] == [
        ("not_null", (("columns", "(id, x)"),), True),
        ("not_null", (("columns", "(x)"),), False),
        ("unique_values_non_blocking", (("columns", "(id)"),), False),
        ("inline_one", (), False),
    ]
    assert "id > 1" in found.audits[3].audit.query


def test_symbolic_models_are_no_assets(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "external_models.yaml": "- name: raw.described\n  columns: {id: INT}\n",
            "models/deep.sql": model("a.deep", "SELECT id FROM raw.described", kind="EMBEDDED"),
            "models/middle.sql": model(
                "a.middle", "SELECT id FROM a.deep JOIN raw.unknown USING (id)", kind="EMBEDDED"
            ),
            "models/reader.sql": model(
                "a.reader",
                "SELECT m.id::INT AS id FROM a.middle AS m LEFT JOIN a.reader AS r ON m.id = r.id",
                kind="FULL",
            ),
        },
    )
    project = inspect(tmp_path)

    assert [found.name for found in project.models] == ["warehouse.a.reader"]
    assert project.models[0].depends_on == (
        '"warehouse"."raw"."described"',
        '"warehouse"."raw"."unknown"',
    )
    assert [str(table.table) for table in project.external_tables] == [
        "warehouse.raw.described",
        "warehouse.raw.unknown",
    ]


def test_loading_leaves_nothing_and_opens_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    config = f"project: named\n{DUCKDB.lstrip()}"
    write_project(tmp_path, {"models/a.sql": model("a.b")}, config=config)
    inspect(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "models"}


def test_the_configuration_keeps_its_own_connections(tmp_path: Path) -> None:
    """The generator must not hand its offline connections to a later run in the process."""
    from sqlmesh import Context  # noqa: PLC0415

    database = tmp_path / "warehouse.db"
    config = DUCKDB.replace("warehouse.db", str(database))
    write_project(tmp_path, {"models/a.sql": model("a.b")}, config=config)
    inspect(tmp_path)
    context = Context(paths=[tmp_path])
    try:
        assert context.engine_adapter.fetchone("SELECT 1") == (1,)
    finally:
        context.close()


def test_an_unknown_gateway_and_no_models(tmp_path: Path) -> None:
    write_project(tmp_path, {})
    with pytest.raises(ProjectError, match="no models in"):
        inspect(tmp_path)
    with pytest.raises(UsageError, match=r"unknown gateway 'prod' .*The project has: local\."):
        inspect(tmp_path, gateway="prod")


PYTHON = """
from sqlmesh import model

@model("s.b", columns={"id": "int"})
def execute(context, start, end, execution_time, **kwargs): ...
"""


def test_a_project_folder_that_is_a_link_keeps_its_name(tmp_path: Path) -> None:
    files = {"models/a.sql": model("s.a"), "models/b.py": PYTHON}
    write_project(tmp_path / "releases" / "7", files)
    (tmp_path / "shop").symlink_to(tmp_path / "releases" / "7")
    (tmp_path / "home").symlink_to(tmp_path)
    # A link above the folder is another name of the repository, and `..` follows links.
    for folder in (tmp_path / "home" / "shop", tmp_path / "shop" / ".." / ".." / "shop"):
        found = inspect(folder)

        assert found.paths == (tmp_path / "shop",)
        sources = [each.source for each in found.models]
        assert sources == [tmp_path / "shop" / "models" / name for name in ("a.sql", "b.py")]
    assert inspect(tmp_path / "shop" / "models" / "..").paths == (tmp_path / "releases" / "7",)


def test_queries_are_rendered_on_request(tmp_path: Path) -> None:
    kind = "INCREMENTAL_BY_TIME_RANGE (time_column day)"
    query = "SELECT day FROM raw.b WHERE day BETWEEN @start_ds AND @end_ds"
    folder = write_project(tmp_path, {"models/a.sql": model("s.a", query, kind=kind)})
    (plain,) = inspect(folder).models
    (rendered,) = describe.inspect(Source((folder,), rendered_queries=True)).models

    assert (plain.query, plain.rendered_query) == (query, None)
    assert rendered.query == query
    lines = (rendered.rendered_query or "").replace('"', "").splitlines()
    assert lines[-1] == "  day BETWEEN '1970-01-01' AND '1970-01-01'"
