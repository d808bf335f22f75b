"""A package's text to its graph: what the renderer writes, and what others make of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import audit, fqn, model
from dg_sqlmesh_codegen.change_report import reader
from dg_sqlmesh_codegen.change_report.model import (
    Asset,
    Audit,
    Column,
    Definitions,
    Graph,
    Package,
    Property,
    Schedule,
    Unread,
)
from dg_sqlmesh_codegen.rendering.header import MARK
from dg_sqlmesh_codegen.sqlmesh_project.records import Column as ProjectColumn
from dg_sqlmesh_codegen.sqlmesh_project.records import Model
from packages import on_disk, package

MODELS = PurePosixPath("models")
ORDERS = MODELS / "shop/sales/orders.py"
DEFINITIONS = PurePosixPath("definitions.py")


def graph_of(files: Package) -> Graph:
    return reader.read({}, files)[1]


def only_asset(files: Package) -> Asset:
    (asset,) = graph_of(files).assets
    return asset


def test_the_example(root: Path) -> None:
    graph = graph_of(on_disk(root / "generated_example/defs"))
    assets = {asset.key[1:]: asset for asset in graph.assets}
    assert len(assets) == 13
    assert not graph.unread
    orders = assets["staging", "orders"]
    assert orders.fqn == '"shop"."staging"."orders"'
    assert orders.path == MODELS / "shop/staging/orders.py"
    assert orders.deps == (("shop", "source", "orders"),)
    assert orders.query is not None
    assert orders.query.endswith("FROM source.orders")
    assert orders.code_version is not None
    assert orders.code_version.isdecimal()
    assert (orders.kind, orders.group, orders.owners) == ("VIEW", "staging", ("data@shop.example",))
    assert (orders.tags, orders.table_name) == ((), "shop.staging.orders")
    assert orders.source == "../shop/models/staging/orders.sql"
    assert orders.columns[0] == Column("order_id", "INT", "The order's number")
    assert [(each.check, each.blocking) for each in orders.audits] == [
        ("not_null__order_id_customer_id", True),
        ("not_null__ordered_at_status_cancelled", True),
        ("accepted_values", True),
        ("number_of_rows", False),
    ]
    assert assets["staging", "customers"].tags == ("pii=true",)
    assert assets["marts", "customer_segments"].query is None
    assert graph.definitions is not None
    assert graph.definitions.schedules == (
        Schedule("sqlmesh_adaptive_schedule", ("*/5 * * * *",), "UTC"),
    )
    settings = {each.name: each.values for each in graph.definitions.settings}
    assert settings["resource project_dir"] == ("../shop",)
    assert settings["resource environment"] == ("prod",)
    assert settings["op pool"] == ("sqlmesh_jobs_exclusive",)
    assert "sqlmesh/version" in settings


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
models = st.builds(
    lambda number, words, columns, args, flag: model(
        f"shop.sales.m{number}",
        description=words[0],
        query=words[1],
        owner="a@b.example",
        data_hash=str(number),
        depends_on=(fqn("shop.raw.b"), fqn("shop.raw.a")),
        columns=tuple(ProjectColumn(name, "INT", words[2]) for name in columns),
        audits=(audit("one", blocking=flag, **args),),
    ),
    st.integers(0, 9),
    st.tuples(words, words, words),
    st.lists(words, max_size=2, unique=True),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), words, max_size=2),
    st.booleans(),
)


@settings(max_examples=20, deadline=None)
@given(models)
def test_what_is_written_is_read(made: Model) -> None:
    asset = only_asset(package(made))
    assert asset.key == made.table.parts
    assert (asset.fqn, asset.code_version) == (made.fqn, made.data_hash)
    assert asset.deps == (("shop", "raw", "a"), ("shop", "raw", "b"))
    assert asset.query == made.query
    assert asset.value("description") == made.description
    assert asset.owners == ("a@b.example",)
    assert asset.columns == tuple(
        Column(column.name, "INT", column.description) for column in made.columns
    )
    (use,) = made.audits
    assert asset.audits == (
        Audit("one", use.args, "one", use.blocking, query="SELECT * FROM @this_model"),
    )


def test_several_time_zones() -> None:
    files = package(
        model("shop.a.b", cron="0 6 * * *", cron_tz="Europe/Berlin"),
        model("shop.a.c", cron="0 7 * * *"),
        model("shop.a.d", cron="30 9 * * *"),
    )
    definitions = graph_of(files).definitions
    assert definitions is not None
    assert definitions.schedules == (
        Schedule("sqlmesh_adaptive_schedule", ("0 7 * * *", "30 9 * * *"), "UTC"),
        Schedule("sqlmesh_adaptive_schedule_europe_berlin", ("0 6 * * *",), "Europe/Berlin"),
    )


def test_no_package_is_an_empty_graph() -> None:
    assert graph_of({}) == Graph()


# ---- other versions, templates, editors and merges

MINIMAL = f"""{MARK}
model = ModelAsset(spec=dg.AssetSpec(["a", "b"]))
"""
NEWER = f"""{MARK} body: 4711
import dagster as dg

model = runtime.ModelAsset(
    fqn='"a"."b"',
    batches=3,
    spec=dg.AssetSpec(
        key=dg.AssetKey(["a", "b"]),
        deps=[dg.AssetDep(asset=dg.AssetKey("z")), dg.AssetDep(["y", "z"])],
        freshness_policy=dg.FreshnessPolicy.cron(deadline_cron="@daily"),
        **MORE,
        metadata={{"sqlmesh/lookback": 3, "team/x": {{"a": 1}}}},
    ),
    audits=[AuditCheck(audit="x", spec=dg.AssetCheckSpec("x_check", name="x"), severity="WARN")],
)
"""


def test_arguments_of_an_older_version_are_not_missed() -> None:
    assert only_asset({ORDERS: MINIMAL}) == Asset(("a", "b"), "", ORDERS)


def test_arguments_of_a_newer_version_are_kept_for_comparison() -> None:
    asset = only_asset({ORDERS: NEWER})
    assert asset.key == ("a", "b")
    assert asset.deps == (("y", "z"), ("z",))
    assert asset.properties == (
        Property("**", ("MORE",)),
        Property("batches", ("3",)),
        Property("freshness_policy", ("dg.FreshnessPolicy.cron(deadline_cron='@daily')",)),
        Property("sqlmesh/lookback", ("3",)),
        Property("team/x", ("a=1",)),
    )
    assert asset.audits == (Audit("x", (), "x"),)


CONFLICT = f"<<<<<<< HEAD\n{MARK} 1\n=======\n{MARK} 2\n>>>>>>> other\nx = 1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CONFLICT, "it holds the markers of a merge conflict"),
        (f"{MARK}\nmodel = ModelAsset(\n", "line 2 is no Python"),
        (f"{MARK}\n\0", "it is no Python"),
        (f"{MARK}\n'\udcff'", "it is no Python"),
        (
            f"{MARK}\nasset = dg.AssetSpec(key=['a'])\n",
            "it holds no ModelAsset(...); a template of your own may have written it",
        ),
        ("ModelAsset(spec=SPEC)", "its asset spec is no literal"),
        ("ModelAsset(spec=dg.AssetSpec(key=KEY))", "an asset key in it is no literal"),
        ("ModelAsset(spec=dg.AssetSpec(key=[]))", "an asset key in it is no literal"),
        ("ModelAsset(spec=dg.AssetSpec(key=['a', B]))", "an asset key in it is no literal"),
        ("ModelAsset(spec=dg.AssetSpec(key=['a'], deps=DEPS))", "its deps are no literal"),
        ("ModelAsset(spec=dg.AssetSpec(key=['a']), audits=AUDITS)", "its audits are no literal"),
        ("ModelAsset(spec=dg.AssetSpec(key=['a']), audits=(A,))", "its audits are no literal"),
        (
            "ModelAsset(spec=dg.AssetSpec(key=['a']), audits=(AuditCheck(audit='x', spec=X),))",
            "the check of an audit in it is no literal",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(text: str, reason: str) -> None:
    graph = graph_of({ORDERS: text, MODELS / "other.py": MINIMAL})
    assert [asset.path.name for asset in graph.assets] == ["other.py"]
    assert graph.unread == (Unread(ORDERS, reason),)


def test_a_conflict_in_the_list_of_models_is_named_though_it_hides_nothing() -> None:
    path = MODELS / "__init__.py"
    graph = graph_of({path: CONFLICT, ORDERS: MINIMAL})
    assert len(graph.assets) == 1
    assert [each.path for each in graph.unread] == [path]


def test_without_its_definitions_a_package_has_no_schedules_to_compare() -> None:
    graph = graph_of({DEFINITIONS: CONFLICT})
    assert graph.definitions is None
    assert [each.path for each in graph.unread] == [DEFINITIONS]


def test_two_files_with_one_key() -> None:
    graph = graph_of({MODELS / "a.py": MINIMAL, MODELS / "b.py": MINIMAL})
    assert [asset.path.name for asset in graph.assets] == ["a.py"]
    assert graph.unread == (Unread(MODELS / "b.py", "its asset key is taken by models/a.py"),)


@pytest.mark.parametrize("text", ["", "x = (", "import os\n", "def f(): return 1"])
def test_files_that_are_not_ours_are_nobody_s_business(text: str) -> None:
    files = {MODELS / "theirs.py": text, DEFINITIONS: text, PurePosixPath("other/x.py"): text}
    assert graph_of(files) == Graph(definitions=Definitions())


def test_files_that_are_no_modules_are_not_read() -> None:
    assert graph_of({MODELS / "notes.txt": MARK}) == Graph()


def test_one_file_may_hold_several_assets() -> None:
    text = f"{MINIMAL}\nother = ModelAsset(spec=AssetSpec(key=['c']))\n"
    assert [asset.key for asset in graph_of({ORDERS: text}).assets] == [("a", "b"), ("c",)]


def test_other_ways_to_write_a_schedule() -> None:
    text = f"""{MARK}
@dg.schedule("@daily", job=job)
def plain(context): ...

other = dg.ScheduleDefinition(name="other", job=job, cron_schedule=CRON, execution_timezone="UTC")
"""
    definitions = graph_of({DEFINITIONS: text}).definitions
    assert definitions is not None
    assert definitions.schedules == (
        Schedule("other", ("CRON",), "UTC"),
        Schedule("plain", ("@daily",), "UTC"),
    )


def test_a_source_is_named_from_the_package_s_folder() -> None:
    """Or it would change with the folder of the module, when a model changes its schema."""
    text = MINIMAL.replace(
        '["a", "b"]', '["a", "b"], metadata={"sqlmesh/source": "../../../../shop/models/x.sql"}'
    )
    assert only_asset({ORDERS: text}).source == "../shop/models/x.sql"


def test_a_file_that_is_in_both_packages_is_read_once() -> None:
    files = package(model())
    old, new = reader.read(files, dict(files))
    assert old.assets[0] is new.assets[0]


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: raw.decode(errors="surrogateescape"))
)
def test_any_text_is_read_or_named(text: str) -> None:
    files = {ORDERS: MARK + text, DEFINITIONS: MARK + "\n" + text}
    graph = graph_of(files)
    assert not graph.assets
    assert ORDERS in [each.path for each in graph.unread]
