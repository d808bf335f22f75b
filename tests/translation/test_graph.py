"""Models become assets: modules, keys, edges, checks and metadata."""

from __future__ import annotations

import re
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest

from builders import audit, external, fqn, model, project, standalone, translation
from dg_sqlmesh_codegen.errors import ProjectError, SettingError
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.runtime import AuditCheck
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    ExternalTable,
    Model,
    Project,
    TableName,
)
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.graph import PARAMETERS, Asset, Check
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator

OUT = Path("/work/defs")


class Renaming(SQLMeshTranslator):
    """A translator with keys of its own."""

    def get_asset_key(self, model: Model) -> tuple[str, ...]:
        return ("warehouse", model.view_name)

    def get_external_asset_key(self, external_fqn: str) -> tuple[str, ...]:
        return ("lake", TableName.of(external_fqn).view_name)


def build(*models: Model, externals: tuple[ExternalTable, ...] = ()) -> tuple[Asset, ...]:
    return assets_of(project(*models, external_tables=externals))


def assets_of(made: Project, translator: SQLMeshTranslator | None = None) -> tuple[Asset, ...]:
    return graph.build(made, translation(made, translator), OUT)


def build_one(only: Model) -> Asset:
    (asset,) = build(only)
    return asset


def metadata(only: Model) -> dict[str, object]:
    entries = build_one(only).metadata
    keys = [key for key, _ in entries]
    assert len(keys) == len({*keys})
    return dict(entries)


def test_an_asset_per_model_sorted_by_module() -> None:
    assets = build(model("b.s.z"), model("a.s.z"), model("b.s.class"), model("b.1.a"))
    assert [asset.module for asset in assets] == [
        ("a", "s", "z"),
        ("b", "_1", "a"),
        ("b", "s", "class_"),
        ("b", "s", "z"),
    ]
    assert all(isinstance(part, Identifier) for asset in assets for part in asset.module)
    assert [asset.key for asset in assets][2] == ("b", "s", "class")


def test_the_order_of_the_models_changes_nothing() -> None:
    models = (model("a.s.x"), model("a.s.y", depends_on=(fqn("a.s.x"),)), model("a.s.z"))
    forwards = project(*models)
    backwards = replace(forwards, models=forwards.models[::-1])
    assert assets_of(forwards) == assets_of(backwards)


def test_edges_are_sorted_keys() -> None:
    reader = model(
        "shop.marts.a",  # and reads itself
        depends_on=tuple(
            map(fqn, ("shop.marts.a", "shop.staging.z", "raw.db.orders", "shop.staging.b"))
        ),
    )
    models = (reader, model("shop.staging.z"), model("shop.staging.b"))
    assets = build(*models, externals=(external("raw.db.orders"),))
    assert assets[0].deps == (
        ("raw", "db", "orders"),
        ("shop", "staging", "b"),
        ("shop", "staging", "z"),
    )
    assert [asset.deps for asset in assets[1:]] == [(), ()]


def test_edges_use_the_translators_keys() -> None:
    first = model("shop.marts.a", depends_on=(fqn("shop.marts.b"), fqn("raw.db.orders")))
    made = project(first, model("shop.marts.b"), external_tables=(external("raw.db.orders"),))
    assets = assets_of(made, Renaming())
    assert assets[0].key == ("warehouse", "a")
    assert assets[0].deps == (("lake", "orders"), ("warehouse", "b"))


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (["s.é", "s.è"], ["s/_D", "s/_D"]),
        (["s.a b", "s.a_b"], ["s/a_bD", "s/a_b"]),
        (["s.Orders", "s.orders"], ["s/Orders", "s/orders"]),
        (["o.o.lines", "o.o.o"], ["o/o/lines", "o/o/o"]),
        (["a.sales.x", "b.sales.x"], ["a/sales/x", "b/sales/x"]),
        # One op output: Dagster joins the parts of a key with "__".
        (["c.a__b.x", "c.a.b__x"], ["c/a__b/xD", "c/a/b__x"]),
    ],
)
def test_default_keys_are_told_apart(names: list[str], keys: list[str]) -> None:
    found = {asset.model.name: asset.key for asset in build(*map(model, names))}
    for name, key in zip(names, keys, strict=True):
        assert re.fullmatch(key.replace("D", "_[0-9a-f]{8}"), "/".join(found[name]))


def test_keys_that_are_not_default_may_not_collide() -> None:
    both = (model("shop.a.x"), model("shop.b.x"))
    message = r"model shop\.a\.x and model shop\.b\.x get the same asset key "
    with pytest.raises(SettingError, match=f"{message}warehouse/x. Change Renaming.get_asset_key"):
        assets_of(project(*both), Renaming())
    tagged = (replace(each, tags=("dagster:asset_key:a/b",)) for each in both)
    with pytest.raises(ProjectError, match=f"{message}a/b. Change one of the tags"):
        build(*tagged)


def test_external_tables_do_not_take_the_keys_of_others() -> None:
    # Dagster would draw an edge to a model that is not read.
    names = ["raw.db.my orders", "raw.db.my/orders", "raw.db.my_orders", "raw.db.lines"]
    tables = tuple(map(external, names))
    reader = model("shop.marts.a", depends_on=tuple(table.fqn for table in tables))
    own = model("raw.db.my-orders")
    made = project(reader, own, model("raw.db.lines-"), external_tables=tables)
    keys = graph.asset_keys(made, translation(made))
    assert len({*keys.values()}) == len(keys) == 7
    assert keys[own.fqn] == ("raw", "db", "my-orders")
    assert [keys[table.fqn][-1] for table in tables[2:]] == ["my_orders", "lines"]
    assert set(build(reader, own, externals=tables)[1].deps) == {keys[t.fqn] for t in tables}
    with pytest.raises(SettingError, match="get the same asset key lake/x"):
        graph.asset_keys(
            project(external_tables=(external("a.b.x"), external("a.c.x"))),
            translation(project(), Renaming()),
        )


@pytest.mark.parametrize(
    ("source", "relative"),
    [
        ("/work/defs/a.sql", "a.sql"),
        ("/work/project/a.sql", "../project/a.sql"),
        ("/elsewhere/my file.py", "../../elsewhere/my file.py"),
    ],
)
def test_sources_are_relative_to_the_package(source: str, relative: str) -> None:
    assert build_one(model("shop.marts.a", source=Path(source))).source == relative


def test_sources_are_left_out_with_their_metadata_key() -> None:
    made = project(model(source=Path("/work/a.sql")))
    (asset,) = graph.build(made, translation(made, metadata_keys=("cron",)), OUT)
    assert asset.source is None


def test_audits_become_checks() -> None:
    uses = (
        audit("not_null", columns="(id)"),
        audit("accepted_range", blocking=False, column="x", min_v="1"),
        audit("assert_positive"),
    )
    checks = build_one(model(audits=uses)).checks
    assert [(check.constant, check.use, check.keywords) for check in checks] == [
        ("NOT_NULL", uses[0], (("columns", "(id)"),)),
        ("ACCEPTED_RANGE", uses[1], (("column", "x"), ("min_v", "1"))),
        ("ASSERT_POSITIVE", uses[2], ()),
    ]


@pytest.mark.parametrize(
    "name", ["args", "blocking", "additional_deps", "in", "None", "a-b", "größe", "1st", ""]
)
def test_arguments_that_python_or_a_check_cannot_take_by_name(name: str) -> None:
    use = replace(audit(), args=(("column", "x"), (name, "1")))
    (check,) = build_one(model(audits=(use,))).checks
    assert check.keywords == (("args", {"column": "x", name: "1"}),)


def test_the_parameters_of_a_check_are_known() -> None:
    parameters = signature(AuditCheck).parameters.values()
    assert {each.name for each in parameters if each.kind is each.KEYWORD_ONLY} == PARAMETERS


@pytest.mark.parametrize("columns", [("id", "day", "id"), ("id", "id")])
def test_equal_uses_are_one_check(columns: tuple[str, ...]) -> None:
    uses = tuple(audit("not_null", columns=f"({name})") for name in columns)
    checks = build_one(model(audits=uses)).checks
    assert [check.use for check in checks] == [*dict.fromkeys(uses)]


@pytest.mark.parametrize("blocking_first", [True, False])
def test_equal_uses_block_if_one_of_them_does(blocking_first: bool) -> None:
    # SQLMesh runs both, and one of them stops the models below.
    uses = tuple(
        audit(columns="id", blocking=each) for each in (blocking_first, not blocking_first)
    )
    (check,) = build_one(model(audits=uses)).checks
    assert check.use.blocking


def checks_by_model(made: Project) -> dict[str, tuple[Check, ...]]:
    assets = assets_of(made)
    return {asset.model.name: asset.checks for asset in assets if asset.checks}


def test_a_standalone_audit_is_a_check_of_the_last_model_it_reads() -> None:
    made = project(
        model("s.a"),
        model("s.b", depends_on=(fqn("s.a"),)),
        model("s.c", depends_on=(fqn("s.b"),)),
        model("s.z"),
        external_tables=(external("lake.raw.x"),),
        standalone_audits=(standalone("totals", "s.a", "s.c", "s.z", "lake.raw.x"),),
    )
    (check,) = checks_by_model(made)["s.c"]
    assert list(checks_by_model(made)) == ["s.c"]
    assert check.constant == "TOTALS"
    assert check.additional_deps == (("lake", "raw", "x"), ("s", "a"), ("s", "z"))
    assert check.use.audit.standalone


def test_of_equally_downstream_models_the_last_name_counts() -> None:
    made = project(standalone_audits=(standalone("totals", "s.a", "s.b"),))
    for models in (model("s.a"), model("s.b")), (model("s.b"), model("s.a")):
        assert list(checks_by_model(replace(made, models=models))) == ["s.b"]


def test_a_standalone_audit_beside_an_audit_of_its_name() -> None:
    made = project(
        model("s.a", audits=(audit("totals"),)),
        standalone_audits=(standalone("totals", "s.a"), standalone("others", "s.a")),
    )
    first, second, third = checks_by_model(made)["s.a"]
    assert len({first.constant, second.constant, third.constant}) == 3
    assert [check.use.audit.standalone for check in (first, second, third)] == [False, True, True]
    assert all(check.additional_deps == () for check in (first, second, third))


def test_long_chains_of_models() -> None:
    models = [model("s.m0")]
    for index in range(1, 3_000):
        models.append(model(f"s.m{index}", depends_on=(fqn(f"s.m{index - 1}"),)))
    made = project(*models, standalone_audits=(standalone("x", "s.m7", "s.m2999", "s.m3"),))
    assert list(checks_by_model(made)) == ["s.m2999"]


def test_a_model_without_a_catalog() -> None:
    plain = replace(model("sales.orders"), table=TableName(None, "sales", "orders"))
    asset = build_one(plain)
    assert asset.key == asset.module == ("sales", "orders")
    assert dict(asset.metadata)["dagster/table_name"] == "sales.orders"
