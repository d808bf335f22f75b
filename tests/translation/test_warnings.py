"""What the summary says of names that Dagster would refuse, and of what nobody described."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from builders import external, model, project
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Model, Project
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from dg_sqlmesh_codegen.translation.warnings import warnings as warnings_with

HERE = Path(__file__).parent
KNOWN = (Column("id", "INT"),)


def warnings(made: Project) -> tuple[str, ...]:
    return warnings_with(made, Config((HERE,), HERE))


def test_nothing_to_say() -> None:
    tidy = model("s.a", columns=KNOWN, tags=("finance",), owner="ana@shop.example")

    assert warnings(project(tidy)) == ()


def test_what_is_renamed_is_said_once() -> None:
    tags = ("dagster:group_name:our marts", "per month")
    models = [model(f"s.{name}", columns=KNOWN, tags=tags, owner="analytics") for name in "ab"]
    models.append(model("s.a b", columns=KNOWN))

    assert warnings(project(*models)) == (
        "asset key 's/a b' is written as 's/a_b'",
        "group 'our marts' is written as 'our_marts'",
        "tag 'per month' is written as 'per_month'",
        "owner 'analytics' is written as 'team:analytics'",
    )


def test_what_is_unknown_is_said_shortly() -> None:
    tables = [external(f"w.raw.t{number}") for number in range(7)]
    described = replace(external("w.raw.known"), described=True)
    made = project(model("s.a", columns=()), external_tables=(*tables, described))

    assert warnings(made) == (
        "read, and described nowhere: w.raw.t0, w.raw.t1, w.raw.t2, w.raw.t3, w.raw.t4 and 2 more",
        "columns are not known: s.a",
    )


def test_unknown_properties_and_several_values_are_said() -> None:
    tags = ("dagster:gruop_name:x", "dagster:group_name:a", "dagster:group_name:b")

    assert warnings(project(model("s.a", columns=KNOWN, tags=tags))) == (
        "model s.a: unknown property in tag 'dagster:gruop_name:x'. "
        "Did you mean dagster:group_name:...?",
        "model s.a: several tags dagster:group_name:..., the first one counts: 'a'",
    )


def test_properties_that_are_renamed_are_said() -> None:
    tags = ("dagster:kind:big query", "dagster:owner:data", "dagster:asset_key:a b/c")

    assert warnings(project(model("s.a b", columns=KNOWN, tags=tags))) == (
        "kind 'big query' is written as 'big_query'",
        "owner 'data' is written as 'team:data'",
        "asset key 'a b/c' is written as 'a_b/c'",
    )


def test_what_a_translator_names_is_not_said_to_be_renamed() -> None:
    class Own(SQLMeshTranslator):
        def get_asset_key(self, model: Model) -> list[str]:
            return ["a"]

        def get_owners(self, model: Model) -> list[str]:
            return []

    odd = project(model("s.a b", columns=KNOWN, tags=("c d",), owner="data"))

    assert warnings_with(odd, Config((HERE,), HERE), Own()) == ("tag 'c d' is written as 'c_d'",)


def test_what_a_translator_and_the_configuration_overrule_in_each_other() -> None:
    config = Config(
        (HERE,),
        HERE,
        translator="layers:Layers",
        external_asset_mapping="raw/{node.name}",
        group_name="marts",
    )

    wins = "group_name = 'marts' wins over the translator's get_group_name"
    assert warnings_with(project(), config) == (wins,)
    assert warnings_with(project(), config, Namer()) == (
        "external_asset_mapping is not used: the translator layers:Layers names the keys of "
        "external tables",
        wins,
    )


class Namer(SQLMeshTranslator):
    def get_external_asset_key(self, external_fqn: str) -> list[str]:
        return [external_fqn]
