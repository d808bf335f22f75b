"""The text of a package is read as a graph, also after edits and by other versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import audit, external, fqn, model, standalone
from dg_sqlmesh_codegen.change_report import reader, summarize
from dg_sqlmesh_codegen.change_report.model import Graph, PackageFiles, ParsedAsset, UnreadFile
from dg_sqlmesh_codegen.package_paths import AUDITS
from dg_sqlmesh_codegen.rendering.header import MARK
from dg_sqlmesh_codegen.sqlmesh_project.records import Column
from packages import package, rendered, translated

MODELS = PurePosixPath("models")
ORDERS = MODELS / "shop/sales/orders.py"
DEFINITIONS = PurePosixPath("definitions.py")


def graph_of(files: PackageFiles) -> Graph:
    return reader.read({}, files)[1]


def only_asset(files: PackageFiles) -> ParsedAsset:
    (asset,) = graph_of(files).assets.values()
    return asset


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), st.booleans())
def test_the_reader_reads_what_the_renderer_writes(word: str, blocking: bool) -> None:
    made = model(
        description=word,
        query=word,
        owner="a@b.example",
        depends_on=(fqn("shop.raw.b"), fqn("shop.raw.a")),
        columns=(
            Column(word, "INT", word, ((fqn("shop.raw.a"), word),)),
            Column(f"{word}x", "INT"),
        ),
        audits=(audit("one", blocking=blocking, a=word, b=word), audit("two")),
    )
    asset = only_asset(package(made))
    assert asset.key == made.table.parts
    assert (asset.fqn, asset.code_version) == (made.fqn, made.data_hash)
    assert asset.deps == (("shop", "raw", "a"), ("shop", "raw", "b"))
    assert (asset.query, asset.value("description")) == (word, word)
    assert asset.properties["owners"] == ("a@b.example",)
    assert asset.columns == {word: ("INT",), f"{word}x": ("INT",)}
    assert asset.properties[f"description of {word}"] == (word,)
    assert asset.properties[f"columns that {word} is made from"] == (f"shop/raw/a.{word}",)
    assert "dagster/column_lineage" not in asset.properties
    query = "SELECT * FROM @this_model"
    blocks = "blocking" if blocking else "non-blocking"
    assert asset.audits == {
        f"one(a := {word}, b := {word})": (blocks, "check one", query),
        "two": ("blocking", "check two", query),
    }


# ---- other versions, templates, edits and merges

USED = model(
    audits=(
        audit("one", query="SELECT\n1", a="(x)", b="2"),
        audit("one", query="SELECT\n1", blocking=False, a="y"),
        replace(audit("two"), args=(("in", "3"),)),
    )
)
ONE, TWO = '("SELECT\\n" "1")', '"SELECT * FROM @this_model"'


def check(audit: str, name: str, args: dict[str, str], blocking: bool, more: str = "") -> str:
    """Return a check as 0.1.0 wrote it, without its query."""
    return f"""
        AuditCheck(
            audit="{audit}",
            args={args},
            standalone={audit == "three"},
            spec=dg.AssetCheckSpec(
                name="{name}",
                asset=["shop", "sales", "orders"],
                blocking=False,
                metadata={{"sqlmesh/blocking": {blocking}, "query": QUERY_OF_{audit}}},
                {more}
            ),
        ),"""


CHECKS = (
    check("one", "one__x_2", {"a": "(x)", "b": "2"}, True)
    + check("one", "one__y", {"a": "y"}, False)
    + check("two", "two", {"in": "3"}, True)
    + check("three", "three", {}, False, 'additional_deps=[["shop", "sales", "lines"]],')
)


def earlier(audits: str, more: str = "") -> str:
    spec = 'dg.AssetSpec(key=["shop", "sales", "orders"])'
    return f"{MARK}\nmodel = ModelAsset(spec={spec}, audits=({audits}\n    ),\n{more})\n"


def with_queries(audits: str, *names: str) -> str:
    for name in names:
        query = ONE if name == "one" else TWO
        old = f'"query": QUERY_OF_{name}'
        audits = audits.replace(old, f'"sqlmesh/audit_query": {query}')
    return audits


@pytest.mark.parametrize(
    "text",
    [
        earlier(with_queries(CHECKS, "one", "two", "three")),
        # Between 0.1.0 and `audits.py`, a model had the query of each audit once.
        earlier(with_queries(CHECKS, "three"), f'audit_queries={{"one": {ONE}, "two": {TWO}}}'),
    ],
    ids=["0.1.0", "audit_queries"],
)
def test_earlier_versions_have_the_same_audits(text: str) -> None:
    alone = standalone("three", "shop.sales.orders", "shop.sales.lines")
    made = translated(USED, externals=(external("shop.sales.lines"),), standalone_audits=(alone,))
    files = {PurePosixPath(path): each for path, each in rendered(made).items()}
    new = graph_of(files).assets["shop", "sales", "orders"].audits
    assert only_asset({ORDERS: text}).audits == new
    assert new["one(a := (x), b := 2)"] == ("blocking", "check one__x_2", "SELECT\n1")


def test_the_query_of_an_audit_is_a_property_of_every_use() -> None:
    names = ("shop.sales.orders", "shop.sales.lines", "shop.sales.others")
    old, new = (
        package(
            *(model(name, audits=(audit("one", query=query),)) for name in names[:2]),
            model(names[2], audits=(audit("two"),)),
        )
        for query in ("SELECT 1", "SELECT 2")
    )
    changed = summarize(old, new).changed
    assert [change.new.key[-1] for change in changed] == ["lines", "orders"]
    assert [[each.name for each in change.audits] for change in changed] == [["one"], ["one"]]


@pytest.mark.parametrize("broken", ["old", "new"])
def test_audits_that_cannot_be_read_are_listed_and_not_compared(broken: str) -> None:
    old = package(USED, model("shop.raw.x"))
    new = package(USED, model("shop.raw.x", description="x"))
    (old if broken == "old" else new)[AUDITS] = CONFLICT
    summary = summarize(old, new)
    assert [change.new.key[-1] for change in summary.changed] == ["x"]
    assert [(note.path, note.side) for note in summary.notes] == [(AUDITS, broken)]


def test_an_audit_that_is_not_in_the_package() -> None:
    use = 'AuditCheck(audits.GONE, columns="x")'
    text = f"{MARK}\nmodel = ModelAsset(spec=dg.AssetSpec(key=['a']), audits=[{use}])\n"
    assert only_asset({ORDERS: text}).audits == {"GONE(columns := x)": ("unknown", "check GONE")}


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


def test_an_older_version_may_lack_arguments() -> None:
    text = f"{MINIMAL}\nother = ModelAsset(spec=AssetSpec(key=['c']))\n"
    assert [*graph_of({ORDERS: text}).assets.values()] == [
        ParsedAsset(("a", "b"), "", ORDERS),
        ParsedAsset(("c",), "", ORDERS),
    ]


def test_a_newer_version_may_have_more_arguments() -> None:
    asset = only_asset({ORDERS: NEWER})
    assert asset.key == ("a", "b")
    assert asset.deps == (("y", "z"), ("z",))
    assert asset.properties == {
        "**": ("MORE",),
        "batches": ("3",),
        "freshness_policy": ("dg.FreshnessPolicy.cron(deadline_cron='@daily')",),
        "sqlmesh/lookback": ("3",),
        "team/x": ("a=1",),
    }
    assert asset.audits == {"x": ("unknown", "check x")}


NOT_LITERAL = [
    ("SPEC", "argument spec"),
    ("dg.AssetSpec(key=KEY)", "asset key"),
    ("dg.AssetSpec(key=[])", "asset key"),
    ("dg.AssetSpec(key=['a', B])", "asset key"),
    ("dg.AssetSpec(key=['a'], deps=DEPS)", "argument deps"),
    ("dg.AssetSpec(key=['a']), audits=AUDITS", "argument audits"),
    ("dg.AssetSpec(key=['a']), audits=(A,)", "argument audits"),
    ("dg.AssetSpec(key=['a']), audits=(AuditCheck(audit='x', spec=X),)", "argument spec"),
]
CONFLICT = f"<<<<<<< HEAD\n{MARK} 1\n=======\n{MARK} 2\n>>>>>>> other\nx = 1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CONFLICT, "it contains merge conflict markers"),
        (f"{MARK}\nmodel = ModelAsset(\n", "line 2 is not valid Python"),
        (f"{MARK}\n\0", "it is not valid Python"),
        (f"{MARK}\n'\udcff'", "it is not valid Python"),
        (
            f"{MARK}\nasset = dg.AssetSpec(key=['a'])\n",
            "it contains no ModelAsset(...); a custom template may have written it",
        ),
        *(
            (f"ModelAsset(spec={text})", f"its {what} is not a literal")
            for text, what in NOT_LITERAL
        ),
    ],
)
def test_an_unreadable_file_is_listed(text: str, reason: str) -> None:
    graph = graph_of({ORDERS: text, MODELS / "other.py": MINIMAL})
    assert [asset.path.name for asset in graph.assets.values()] == ["other.py"]
    assert graph.unread == (UnreadFile(ORDERS, "new", reason),)


@pytest.mark.parametrize("path", [MODELS / "__init__.py", DEFINITIONS])
def test_a_merge_conflict_in_a_file_without_a_model_is_listed(path: PurePosixPath) -> None:
    graph = graph_of({path: CONFLICT, ORDERS: MINIMAL})
    assert len(graph.assets) == 1
    assert not graph.schedules
    assert [each.path for each in graph.unread] == [path]


def test_two_files_with_one_key() -> None:
    graph = graph_of({MODELS / "a.py": MINIMAL, MODELS / "b.py": MINIMAL})
    assert [asset.path.name for asset in graph.assets.values()] == ["a.py"]
    assert graph.unread == (
        UnreadFile(MODELS / "b.py", "new", "models/a.py has the same asset key"),
    )


@pytest.mark.parametrize("text", ["", "x = (", "import os\n", "def f(): return 1"])
def test_files_without_a_banner_are_ignored(text: str) -> None:
    files = {MODELS / "theirs.py": text, DEFINITIONS: text, MODELS / "notes.txt": MARK}
    assert graph_of(files) == Graph()


def test_other_ways_to_write_a_schedule() -> None:
    text = f"""{MARK}
@dg.schedule("@daily", job=job)
def plain(context): ...

other = dg.ScheduleDefinition(name="other", job=job, cron_schedule=CRON, execution_timezone="UTC")
"""
    schedules = {"schedule": ("@daily", "UTC"), "other": ("CRON", "UTC")}
    assert graph_of({DEFINITIONS: text}).schedules == schedules


def test_a_source_is_relative_to_the_package_s_folder() -> None:
    text = MINIMAL.replace(
        '["a", "b"]', '["a", "b"], metadata={"sqlmesh/source": "../../../../shop/models/x.sql"}'
    )
    assert only_asset({ORDERS: text}).value("sqlmesh/source") == "../shop/models/x.sql"
    text = MINIMAL.replace("spec=", 'source="../shop/models/x.sql", source_line=3, spec=')
    found = only_asset({ORDERS: text})
    assert found.value("sqlmesh/source") == "../shop/models/x.sql"
    assert found.value("source_line") is None


def test_a_file_that_is_in_both_packages_is_read_once() -> None:
    files = package(model())
    old, new = reader.read(files, dict(files))
    (key,) = old.assets
    assert old.assets[key] is new.assets[key]


def test_packages_with_a_column_schema_and_skippable_specs_have_the_same_graph() -> None:
    files = package(model(columns=(Column("id", "INT", "The key"), Column("total", "DOUBLE"))))
    path = ORDERS
    head, _, rest = files[path].partition("    columns=[")
    columns, _, tail = rest.partition("\n    ],\n")
    schema = f'"dagster/column_schema": dg.TableSchema(columns=[{columns}]),'
    spec = head.replace("metadata={", f"skippable=True, metadata={{{schema}")
    assert spec.count("skippable") == 1

    old = {**files, path: spec + tail}
    assert reader.read(old, files)[0] == reader.read(old, files)[1]
    assert only_asset(old).columns == {"id": ("INT",), "total": ("DOUBLE",)}
