"""A package that holds a part of a project has the names of the package that holds it all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from builders import audit, external, fqn, model, project, standalone, translation
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Project
from dg_sqlmesh_codegen.translation import graph, parts

OUT = Path("/work/defs")
READS_B = (fqn("c.s.b"), fqn("c.s.B"), fqn("lake.s.x"))
LINEAGE = (Column("id", reads=((fqn("c.s.B"), "id"),)),)
WHOLE = project(
    model("c.s.b", audits=(audit("not_null", query="SELECT 1"),)),
    model("c.s.B", depends_on=(fqn("lake.s.y"),), audits=(audit("not_null", query="SELECT 2"),)),
    model("c.s.reader", depends_on=READS_B, columns=LINEAGE),
    external_tables=(external("lake.s.x"), external("lake.s.y")),
    standalone_audits=(
        standalone("of_b", "c.s.b", "lake.s.x"),
        standalone("of_both", "c.s.b", "c.s.reader", "c.s.B"),
        standalone("of_none", "lake.s.x"),
    ),
)


def part(*names: str) -> Project:
    return replace(WHOLE, selected=frozenset(map(fqn, names)))


def test_an_asset_is_the_same_in_every_package() -> None:
    """Keys, modules and constants that are told apart, edges, checks and column lineage."""
    whole = {each.model.fqn: each for each in graph.build(WHOLE, translation(WHOLE), OUT)}
    assert len({each.key for each in whole.values()} | {("c", "s", "b")}) == 3
    assert len({check.constant for each in whole.values() for check in each.checks}) == 4
    for names in (["c.s.b"], ["c.s.B"], ["c.s.reader"], ["c.s.b", "c.s.reader"]):
        made = part(*names)
        assets = graph.build(made, translation(made), OUT)
        assert {each.model.fqn for each in assets} == set(map(fqn, names))
        assert all(each == whole[each.model.fqn] for each in assets)


def test_what_belongs_to_the_models_that_are_held() -> None:
    def belongings(held: Project) -> tuple[list[str], list[str]]:
        tables = [each.table.view_name for each in held.external_tables]
        return tables, [each.audit.name for each in held.standalone_audits]

    assert parts.held(WHOLE) is WHOLE
    # An audit is a check of the model that SQLMesh evaluates last of those that it reads.
    assert belongings(parts.held(part("c.s.b"))) == (["x"], ["of_b"])
    assert belongings(parts.held(part("c.s.B"))) == (["y"], [])
    assert belongings(parts.held(part("c.s.reader"))) == (["x"], ["of_both"])


def test_an_external_asset_is_one_that_the_package_reads() -> None:
    made = part("c.s.B")

    (only,) = graph.externals(made, translation(made))

    assert only.key == ("lake", "s", "y")
