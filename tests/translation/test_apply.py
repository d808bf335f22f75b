"""A tag wins over the configuration, and the configuration over the translator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from builders import external, model, project, translation
from dg_sqlmesh_codegen.config.model import DEFAULT_METADATA_KEYS
from dg_sqlmesh_codegen.errors import ProjectError
from dg_sqlmesh_codegen.sqlmesh_project.records import Model
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.apply import Translation
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator, TranslationContext

HERE = Path(__file__).parent
TAGGED = model(
    tags=(
        "finance",
        "dagster:group_name:tagged",
        "dagster:owner:tagged",
        "dagster:kind:tagged",
        "dagster:description:tagged",
        "dagster:asset_key:tagged/key",
    ),
    owner="model",
    description="model",
)
PLAIN = replace(TAGGED, tags=("finance",))


class Own(SQLMeshTranslator):
    """A translator that overrides every method."""

    def get_asset_key(self, model: Model) -> Sequence[str]:
        return ["own", model.view_name]

    def get_external_asset_key(self, external_fqn: str) -> dg.AssetKey:
        return dg.AssetKey(["own", "external"])

    def get_group_name(self, context: TranslationContext, model: Model) -> str:
        return f"own/{context.environment}"

    def get_tags(self, context: TranslationContext, model: Model) -> Mapping[str, str]:
        return {"own/tag": "", "a": "1"}

    def get_metadata(self, model: Model, keys: Sequence[str]) -> Mapping[str, object]:
        return {"own": {"keys": [*keys]}, "dagster/table_name": "own"}

    def get_owners(self, model: Model) -> Sequence[str]:
        return ["own@shop.example"]

    def get_kinds(self, model: Model) -> Iterable[str]:
        return ["z", "own", "z"]

    def get_description(self, model: Model) -> str | None:
        return None

    def get_automation_condition(self, context: TranslationContext, model: Model) -> str | None:
        return "on_missing"


def of(translator: SQLMeshTranslator | None = None, **config: object) -> Translation:
    """Combine a configuration with a translator."""
    return translation(project(PLAIN), translator, **config)


def test_the_priority_of_groups() -> None:
    assert of().group(PLAIN) == "sqlmesh"
    assert of(group_name="configured").group(PLAIN) == "configured"
    assert of(Own(), environment="dev").group(PLAIN) == "own/dev"
    assert of(Own(), group_name="configured").group(PLAIN) == "configured"
    assert of(Own(), group_name="configured").group(TAGGED) == "tagged"


def test_the_priority_of_keys_and_descriptions() -> None:
    assert of().key(PLAIN) == ("shop", "sales", "orders")
    assert of(Own()).key(PLAIN) == ("own", "orders")
    assert of(Own()).key(TAGGED) == ("tagged", "key")
    assert of().description(PLAIN) == "model"
    assert of(Own()).description(PLAIN) is None
    assert of(Own()).description(TAGGED) == "tagged"


def test_owners_and_kinds_add_up() -> None:
    configured = ("team:all", "team:model")

    assert of(owners=configured).all_owners(PLAIN) == ("team:model", "team:all")
    assert of(Own(), owners=configured).all_owners(TAGGED) == (
        "own@shop.example",
        "team:tagged",
        *configured,
    )
    assert of().kinds(TAGGED) == ("duckdb", "sqlmesh", "table", "tagged")
    assert of(Own()).kinds(TAGGED) == ("own", "tagged", "z")


def test_tags_and_metadata() -> None:
    assert of().tags(TAGGED) == {"finance": "true"}
    assert of(Own()).tags(TAGGED) == {"own/tag": "", "a": "1"}
    assert of(metadata_keys=("cron",)).metadata(PLAIN) == {"sqlmesh/cron": "@daily"}
    assert of(metadata_keys=()).metadata(PLAIN) == {}
    assert of(Own(), metadata_keys=("cron",)).metadata(PLAIN)["own"] == {"keys": ["cron"]}


def test_external_keys() -> None:
    table = external("raw.main.orders")
    mapping = "mapped/{node.name}"

    assert of().key(table) == ("raw", "main", "orders")
    assert of(external_asset_mapping=mapping).key(table) == ("mapped", "orders")
    # When both are given the translator wins.
    assert of(Own(), external_asset_mapping=mapping).key(table) == ("own", "external")


def test_a_text_is_a_key_of_one_part() -> None:
    class One(SQLMeshTranslator):
        def get_asset_key(self, model: Model) -> str:
            return model.view_name

    assert of(One()).key(PLAIN) == ("orders",)


def test_the_asset_has_what_the_translator_returns() -> None:
    described = project(replace(PLAIN, source=HERE / "orders.sql"))
    (asset,) = graph.build(described, translation(described, Own()), HERE)

    assert (asset.group, asset.description) == ("own/prod", None)
    assert (asset.kinds, asset.owners) == (("own", "z"), ("own@shop.example",))
    assert asset.tags == (("a", "1"), ("own/tag", ""))
    assert asset.source == "orders.sql"
    assert asset.automation == "on_missing"
    assert asset.metadata == (
        ("dagster/table_name", "own"),
        ("dagster/storage_kind", "duckdb"),
        ("own", {"keys": [*DEFAULT_METADATA_KEYS]}),
    )


def test_an_exception_of_ours_keeps_its_words() -> None:
    class Refuses(SQLMeshTranslator):
        def get_description(self, model: Model) -> str | None:
            raise ProjectError("a message of its own")

    with pytest.raises(ProjectError, match="a message of its own"):
        of(Refuses()).description(PLAIN)


@pytest.mark.parametrize(
    ("group_by", "source", "group"),
    [
        ("none", "/shop/models/marts/orders.sql", "sqlmesh"),
        ("schema", "/shop/models/marts/orders.sql", "my_sales"),
        ("folder", "/shop/models/marts/orders.sql", "marts"),
        ("folder", "/shop/models/the marts/eu/orders.sql", "the_marts"),
        ("folder", "/shop/models/orders.sql", "sqlmesh"),
        ("folder", "/elsewhere/models/marts/orders.sql", "sqlmesh"),
    ],
)
def test_groups_by_schema_and_folder(group_by: str, source: str, group: str) -> None:
    found = model("shop.my-sales.orders", source=Path(source))
    shop = project(found, paths=(Path("/shop"),))
    made = translation(shop, group_by=group_by)

    assert made.group(found) == group
    assert made.group(replace(found, tags=("dagster:group_name:tagged",))) == "tagged"
    assert translation(shop, group_by=group_by, group_name="all").group(found) == "all"


@pytest.mark.parametrize(
    ("found", "grace", "expected"),
    [
        (model(), "1h", "25h"),
        (model(cron="*/5 * * * *"), "10m", "15m"),
        (model(cron="0 6 * * 1-5"), "1h", "73h"),  # from Friday to Monday
        (model(cron_tz="Europe/Berlin"), "1h", "26h"),  # the clock is set back
        (model(), None, None),
        (model(kind="SEED"), "1h", None),
        (model(end="2026-01-31"), "1h", None),
        (model(tags=("dagster:freshness:none",)), "1h", None),
        (model(tags=("dagster:freshness:36h",)), None, "36h"),
        (model(kind="SEED", tags=("dagster:freshness:2d",)), "1h", "2d"),
        (model(tags=("dagster:freshness:soon", "dagster:freshness:2d")), "1h", "2d"),
        (model(tags=("dagster:freshness:0h",)), "1h", "25h"),
    ],
)
def test_how_old_data_may_be(found: Model, grace: str | None, expected: str | None) -> None:
    made = of(freshness=True, freshness_grace=grace) if grace else of()
    assert made.freshness(found) == expected


ON, OFF = ("dagster:run_on_upstream",), ("dagster:run_on_upstream:false",)


@pytest.mark.parametrize(
    ("found", "default", "expected"),
    [
        (model(kind="FULL"), True, True),
        (model(kind="FULL"), False, False),
        (model(kind="VIEW", tags=ON), False, True),
        (model(kind="FULL", tags=OFF), True, False),
        (model(kind="SEED"), True, False),
        (model(kind="INCREMENTAL_UNMANAGED", tags=ON), True, False),
        (model(tags=ON, depends_on=(model().fqn,)), True, False),
    ],
)
def test_which_models_run_when_data_lands(found: Model, default: bool, expected: bool) -> None:
    assert of(run_on_upstream=default).runs_on_upstream(found) is expected
