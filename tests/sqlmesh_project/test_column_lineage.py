"""The columns that a column is made from: SQLMesh's own lineage, down to external tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.lineage import column_dependencies
from sqlmesh.core.model import SqlModel

from dg_sqlmesh_codegen.sqlmesh_project import describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Project, Source
from projects import model, write_project
from real_projects import PROJECTS, install_custom_materializations

pytestmark = pytest.mark.sqlmesh

EXTERNAL = """
- name: raw.orders
  columns: {id: int, amount: int, customer: int}
"""
SNOWFLAKE = """
gateways:
  local:
    connection: {type: snowflake, account: a, user: u, password: p, database: shop}
model_defaults: {dialect: snowflake, start: 2026-01-01}
"""


def project(folder: Path, *models: str, config: str | None = None) -> Project:
    files = {f"models/{number}.sql": text for number, text in enumerate(models)}
    files["external_models.yaml"] = EXTERNAL
    options = {} if config is None else {"config": config}
    write_project(folder, files, **options)
    return describe.inspect(Source((folder,), column_lineage=True))


def lineage(found: Project, name: str) -> dict[str, list[str]]:
    """Return what each column of a model reads, without the catalog and quotes."""
    columns = next(each for each in found.models if each.view_name == name).columns
    return {
        column.name: [
            ".".join([*fqn.replace('"', "").split(".")[1:], read]) for fqn, read in column.reads
        ]
        for column in columns
    }


def test_through_ctes_stars_joins_and_unions(tmp_path: Path) -> None:
    query = """
    WITH paid AS (SELECT * FROM raw.orders), both AS (
      SELECT id, amount FROM paid UNION ALL SELECT customer, amount * 2 FROM a.first
    )
    SELECT b.*, f.customer + b.amount AS total, 1 AS one, (SELECT MAX(id) FROM a.first) AS latest
    FROM both AS b JOIN a.first AS f ON f.customer = b.id
    """
    first = model("a.first", "SELECT customer, id, amount FROM raw.orders")
    found = project(tmp_path, first, model("a.second", query))

    assert lineage(found, "first")["id"] == ["raw.orders.id"]
    assert lineage(found, "second") == {
        "id": ["a.first.customer", "raw.orders.id"],
        "amount": ["a.first.amount", "raw.orders.amount"],
        "total": ["a.first.amount", "a.first.customer", "raw.orders.amount"],
        "one": [],
        "latest": ["a.first.id"],
    }


def test_an_embedded_model_is_replaced_by_what_it_reads(tmp_path: Path) -> None:
    low = model("a.low", "SELECT id AS key, amount FROM raw.orders", kind="EMBEDDED")
    mid = model("a.mid", "SELECT key, amount + 1 AS more FROM a.low", kind="EMBEDDED")
    last = model("a.last", "SELECT key + more AS result FROM a.mid")

    assert lineage(project(tmp_path, low, mid, last), "last") == {
        "result": ["raw.orders.amount", "raw.orders.id"]
    }


def test_what_is_unknown_is_left_out(tmp_path: Path) -> None:
    star = model("a.star", "SELECT * FROM raw.nobody_describes", columns="(id INT)")
    joined = model("a.joined", "SELECT x, o.id FROM raw.orders AS o JOIN raw.nobody ON TRUE")
    itself = model(
        "a.itself",
        "SELECT o.id, i.total + o.amount AS total FROM raw.orders AS o JOIN a.itself AS i ON TRUE",
        columns="(id INT, total INT)",
    )
    found = project(tmp_path, star, joined, itself)

    assert lineage(found, "star") == {"id": []}
    assert lineage(found, "joined")["id"] == ["raw.orders.id"]
    assert lineage(found, "itself") == {"id": ["raw.orders.id"], "total": ["raw.orders.amount"]}


def test_quoted_names_stay_as_they_are(tmp_path: Path) -> None:
    below = model("a.below", 'SELECT id, amount AS "two Words" FROM raw.orders')
    above = model("a.above", 'SELECT "two Words" AS "lower", id AS plain FROM a.below')
    found = project(tmp_path, below, above, config=SNOWFLAKE)

    assert lineage(found, "ABOVE") == {"lower": ["A.BELOW.two Words"], "PLAIN": ["A.BELOW.ID"]}


def test_a_column_without_lineage_is_one_warning(tmp_path: Path) -> None:
    missing = model("a.missing", "SELECT 1 AS id", columns="(id INT, gone INT)")
    found = project(tmp_path, missing)

    warnings = [each for each in found.warnings if "lineage" in each]
    assert len(warnings) == 1
    assert warnings[0].startswith("warehouse.a.missing: no column lineage of gone, ")


def dependencies(context: Context, fqn: str, column: str) -> set[tuple[str, str]]:
    """Return SQLMesh's own answer; what an embedded model reads takes the place of it."""
    found = column_dependencies(context, fqn, exp.column(column, quoted=True))
    pairs: set[tuple[str, str]] = set()
    for table, names in found.items():
        upstream = context.get_model(table)
        for name in names:
            embedded = upstream is not None and upstream.kind.is_embedded
            pairs |= dependencies(context, table, name) if embedded else {(table, name)}
    return pairs


@pytest.mark.network
def test_sushi_column_by_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(install_custom_materializations(tmp_path))
    folders = next(each for each in PROJECTS if each.name == "sushi").copy_to(tmp_path)
    found = describe.inspect(Source(folders, column_lineage=True))
    context = Context(paths=[*folders])

    compared = 0
    for each in found.models:
        sql = isinstance(context.get_model(each.fqn), SqlModel)
        for column in each.columns:
            expected = dependencies(context, each.fqn, column.name) if sql else set()
            # An asset does not depend on itself.
            expected = {(fqn, read) for fqn, read in expected if fqn != each.fqn}
            assert column.reads == tuple(sorted(expected)), (each.name, column.name)
            compared += len(expected)
    assert compared > 20
