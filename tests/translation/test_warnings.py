"""The warnings: changed names, settings without effect, tables and columns without description."""

from __future__ import annotations

import re
from dataclasses import replace

from builders import external, model, project, translation
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Model, Project
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator, TranslationContext
from dg_sqlmesh_codegen.translation.warnings import warnings

KNOWN = (Column("id", "INT"),)


def found(
    made: Project, translator: SQLMeshTranslator | None = None, **config: object
) -> tuple[str, ...]:
    used = translation(made, translator, **config)
    return warnings(made, used, graph.asset_keys(made, used))


def test_no_warnings() -> None:
    tidy = model("s.a", columns=KNOWN, tags=("finance",), owner="ana@shop.example")

    assert found(project(tidy)) == ()


def test_a_changed_name_is_listed_once() -> None:
    tags = ("dagster:group_name:our marts", "per month")
    models = [model(f"s.{name}", columns=KNOWN, tags=tags, owner="analytics") for name in "ab"]
    models += [model("s.a b", columns=KNOWN), model("s.顧客", columns=KNOWN)]
    models += [model("s.注文", columns=KNOWN)]

    lines = tuple(re.sub("_[0-9a-f]{8}'", "_D'", line) for line in found(project(*models)))
    assert lines == (
        "asset key 's/a b' is written as 's/a_b'",
        "group 'our marts' is written as 'our_marts'",
        "tag 'per month' is written as 'per_month'",
        "owner 'analytics' is written as 'team:analytics'",
        "asset key 's/注文' is written as 's/___D'",
        "asset key 's/顧客' is written as 's/___D'",
    )


def test_long_lists_are_cut() -> None:
    tables = [external(f"w.raw.t{number}") for number in range(7)]
    described = replace(external("w.raw.known"), described=True)
    made = project(model("s.a", columns=()), external_tables=(*tables, described))

    assert found(made) == (
        "external tables without a description in the project: w.raw.t0, w.raw.t1, w.raw.t2, "
        "w.raw.t3, w.raw.t4 and 2 more. `sqlmesh create_external_models` describes them.",
        "models with unknown columns: s.a",
    )


def test_property_tags() -> None:
    tags = ("dagster:kind:big query", "dagster:owner:data", "dagster:asset_key:a b/c")

    assert found(project(model("s.a b", columns=KNOWN, tags=(*tags, "dagster:kind")))) == (
        "model s.a b: tag 'dagster:kind' has no value",
        "kind 'big query' is written as 'big_query'",
        "owner 'data' is written as 'team:data'",
        "asset key 'a b/c' is written as 'a_b/c'",
    )


def test_names_of_a_translator_are_not_listed() -> None:
    class Own(SQLMeshTranslator):
        def get_asset_key(self, model: Model) -> list[str]:
            return ["a"]

        def get_owners(self, model: Model) -> list[str]:
            return []

    odd = project(model("s.a b", columns=KNOWN, tags=("c d",), owner="data"))

    assert found(odd, Own()) == ("tag 'c d' is written as 'c_d'",)


def test_settings_that_have_no_effect() -> None:
    class Namer(SQLMeshTranslator):
        def get_external_asset_key(self, external_fqn: str) -> list[str]:
            return [external_fqn]

    class Plain(SQLMeshTranslator): ...

    config = {"external_asset_mapping": "raw/{node.name}", "group_name": "marts"}
    wins = "group_name = 'marts' overrides the translator's get_group_name"
    assert found(project(), Plain(), **config) == (wins,)
    assert found(project(), Namer(), **config) == (
        "external_asset_mapping is not used: the translator own:Namer returns the keys of "
        "external tables",
        wins,
    )


def test_a_group_by_that_overrides_or_is_overridden() -> None:
    class Own(SQLMeshTranslator):
        def get_group_name(self, context: TranslationContext, model: Model) -> str:
            return "own"

    made = project(model("s.a", columns=KNOWN))
    assert found(made, group_by="schema") == ()
    assert found(made, Own(), group_by="schema") == (
        "group_by = 'schema' overrides the translator's get_group_name",
    )
    assert found(made, group_by="schema", group_name="all") == (
        "group_by = 'schema' is not used: group_name is 'all'",
    )


def test_a_group_of_a_schema_that_is_changed_is_named() -> None:
    made = project(model("my-shop.a", columns=KNOWN))

    assert found(made, group_by="schema") == ("group 'my-shop' is written as 'my_shop'",)
