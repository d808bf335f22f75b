"""The generated files: what they hold, exactly, and that they are black's own style."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import ModuleType

import black.mode
import black.parsing
import dagster as dg
import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import audit, external, fqn, model, project, translation
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering import templates
from dg_sqlmesh_codegen.rendering.header import HEADER, is_ours
from dg_sqlmesh_codegen.rendering.package import Package
from dg_sqlmesh_codegen.rendering.package import render as render_package
from dg_sqlmesh_codegen.rendering.template_dir import template_dir
from dg_sqlmesh_codegen.schedules.crons import Schedule
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    Audit,
    Column,
    Model,
    StandaloneAudit,
    TableName,
)
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.translation.graph import Asset
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from dg_sqlmesh_codegen.version import __version__

HERE = Path(__file__).parents[1]
OUT = Path("/no/where/defs")
DAILY = (Schedule("UTC", ("0 0 * * *",)),)
BLACK = black.mode.Mode(target_versions={black.mode.TargetVersion.PY311})
CONSTRUCTORS = {
    "ModelAsset",
    "AuditCheck",
    "dg.AssetSpec",
    "dg.AssetCheckSpec",
    "dg.TableSchema",
    "dg.TableColumn",
}

# What has a meaning in Python, Jinja, black, SQL or on a terminal.
PIECES = (
    *("'", '"', "'''", '"""', "\\", "\\\\", "\\n", "\\'", '\\"', "\\N{BULLET}", "\\x41", "\\u0041"),
    *(
        "{{ asset }}",
        "{% raw %}",
        "{%",
        "%}",
        "{{",
        "}}",
        "{# x #}",
        "{",
        "}",
        "{x!r}",
        "%s",
        "${x}",
    ),
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\t", "\x00", "\x1b[31m", "\x7f", "\x85", "\xa0", "\xad"),
    *("\u2028", "\u2029", "\u202e", "\u200f", "\ufeff", "\ufffe", "\ud800", "\udc00", "\udcff"),
    *("größe", "数", "🦆", "e\u0301", "\U0010ffff"),
    *("# fmt: off", "# type: ignore", "#", ",", "(", ")", "[", "]", ";", "__import__('os')", "@x"),
    *("None", "True", "f'{1}'", "dg.AssetKey('x')", " ", "  ", "a" * 120),
)
any_text = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=4), max_size=6
).map("".join)
some_text = any_text.filter(bool)
texts = st.lists(any_text, max_size=3).map(tuple)

columns = st.builds(Column, any_text, st.none() | any_text, st.none() | any_text)
audits = st.builds(
    Audit,
    name=any_text,
    args=st.lists(st.tuples(any_text, any_text), max_size=3, unique_by=lambda arg: arg[0]).map(
        tuple
    ),
    blocking=st.booleans(),
    dialect=any_text,
    query=any_text,
)
models = st.builds(
    Model,
    fqn=any_text,
    table=st.builds(TableName, st.none() | some_text, some_text, some_text),
    kind=any_text,
    dialect=any_text,
    cron=any_text,
    cron_tz=st.none() | any_text,
    data_hash=any_text,
    description=st.none() | any_text,
    owner=st.none() | any_text,
    tags=texts,
    columns=st.lists(columns, max_size=3).map(tuple),
    audits=st.lists(audits, max_size=3, unique_by=lambda use: (use.name, use.args)).map(tuple),
    query=st.none() | any_text,
    partitioned_by=texts,
    clustered_by=texts,
    grains=texts,
    start=st.none() | any_text,
    gateway=st.none() | any_text,
    signals=texts,
    forward_only=st.booleans(),
    materialized_view=st.booleans(),
    source=st.none() | any_text.map(lambda text: Path(f"/project/{text}.sql")),
)


@dataclass(frozen=True)
class Call:
    """A constructor call of a generated module, with the values of its arguments."""

    name: str
    args: list[object]
    kwargs: dict[str, object]


def evaluate(node: ast.expr) -> object:
    """Return the value of an expression of literals and constructor calls, or fail."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [evaluate(item) for item in items]
        case ast.Set(elts=items):
            return {evaluate(item) for item in items}
        case ast.Dict(keys=keys, values=values):
            entries = [
                (evaluate(key), evaluate(value))
                for key, value in zip(keys, values, strict=True)
                if key
            ]
            assert len(entries) == len(keys) == len(dict(entries))
            return dict(entries)
        case ast.Call(func=func, args=args, keywords=keywords):
            name = ast.unparse(func)
            assert name in CONSTRUCTORS
            kwargs = {str(keyword.arg): evaluate(keyword.value) for keyword in keywords}
            return Call(name, [evaluate(arg) for arg in args], kwargs)
    raise AssertionError(f"neither literal nor constructor: {ast.dump(node)}")


def evaluate_module(text: str) -> Call:
    """Return the one thing a model's module assigns, after checking that there is no other."""
    *imports, assignment = ast.parse(text).body
    names = [ast.unparse(node) for node in imports]
    assert names[0] == "import dagster as dg"
    assert names[1] in {
        "from dg_sqlmesh_codegen.runtime import ModelAsset",
        "from dg_sqlmesh_codegen.runtime import AuditCheck, ModelAsset",
    }
    assert len(names) == 2
    assert isinstance(assignment, ast.Assign)
    assert ast.unparse(assignment.targets[0]) == "model"
    value = evaluate(assignment.value)
    assert isinstance(value, Call)
    return value


def without_empty(**entries: object) -> dict[str, object]:
    return {key: value for key, value in entries.items() if value}


def expected_spec(asset: Asset) -> Call:
    model = asset.model
    metadata: dict[str, object] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in asset.metadata
    }
    if model.query:
        metadata["sqlmesh/query"] = model.query
    if model.columns:
        columns = [
            Call(
                "dg.TableColumn",
                [column.name, column.type or "unknown"],
                without_empty(description=column.description),
            )
            for column in model.columns
        ]
        metadata["dagster/column_schema"] = Call("dg.TableSchema", [], {"columns": columns})
    optional = without_empty(
        deps=[list(key) for key in asset.deps],
        description=model.description,
        tags=dict(asset.tags),
        owners=list(asset.owners),
    )
    return Call(
        "dg.AssetSpec",
        [],
        {
            "key": list(asset.key),
            "group_name": asset.group,
            "kinds": set(asset.kinds),
            "code_version": model.data_hash,
            "skippable": True,
            "metadata": metadata,
            **optional,
        },
    )


def expected_audits(asset: Asset) -> list[Call]:
    calls = []
    for check in asset.checks:
        use = check.audit
        metadata = {
            "sqlmesh/blocking": use.blocking,
            "sqlmesh/audit_query": use.query,
            **without_empty(
                **{"sqlmesh/audit_args": dict(use.args), "sqlmesh/dialect": use.dialect}
            ),
        }
        spec: dict[str, object] = {
            "name": check.name,
            "asset": list(asset.key),
            "description": check.description,
            "blocking": False,
            "metadata": metadata,
        }
        spec |= without_empty(additional_deps=[list(key) for key in check.additional_deps])
        kwargs = {
            "audit": use.name,
            "args": dict(use.args),
            "spec": Call("dg.AssetCheckSpec", [], spec),
            **without_empty(standalone=use.standalone),
        }
        calls.append(Call("AuditCheck", [], kwargs))
    return calls


def expected_module(asset: Asset) -> Call:
    kwargs: dict[str, object] = {"fqn": asset.model.fqn, "spec": expected_spec(asset)}
    return Call("ModelAsset", [], kwargs | without_empty(audits=expected_audits(asset)))


def package(
    *models: Model,
    schedules: tuple[Schedule, ...] = DAILY,
    config: Config | None = None,
    standalone_audits: tuple[StandaloneAudit, ...] = (),
) -> Package:
    config = config or Config((HERE,), OUT)
    known = {model.fqn for model in models}
    read = {name for model in models for name in model.depends_on} - known
    described = project(
        *models,
        external_tables=tuple(external(name.replace('"', "")) for name in sorted(read)),
        standalone_audits=standalone_audits,
        paths=config.projects,
    )
    assets = graph.build(described, translation(described), config.out)
    return Package(config, described, assets, schedules)


def files(package: Package) -> dict[str, str]:
    made = render_package(package)
    by_path = {str(file.path): file.text for file in made}
    assert len(by_path) == len(made)
    return by_path


def rendered(*models: Model) -> dict[str, str]:
    return files(package(*models))


def definitions(schedules: tuple[Schedule, ...] = DAILY, *, config: Config | None = None) -> str:
    return files(package(model(), schedules=schedules, config=config))["definitions.py"]


def assert_is_black(text: str) -> None:
    assert black.format_str(text, mode=BLACK) == text
    assert text.encode("utf-8").decode("utf-8") == text


# ---- one model's module


@settings(max_examples=15, deadline=None)
@given(
    st.lists(models, min_size=1, max_size=3),
    st.lists(audits, max_size=2, unique_by=lambda use: use.name),
)
@example([model(description='"""', tags=('"',), owner="'", grains=("\n",), query="\\")], [])
@example([model(description="{{ asset.key }}{% if x %}", query="{% raw %}\n{# gone #}\n")], [])
@example([model(description="a\n" * 50, start="\n\n", cron_tz="\r\n", dialect="\x0c")], [])
@example([model(columns=(Column("a\nb", "c\nd", "e\nf"), Column("", "", "")))], [])
@example(
    [model(audits=(replace(audit("a\nb"), args=(("c\nd", "e\nf"),), query="", dialect=""),))], []
)
@example([model("no.catalog", table=TableName(None, "a 'b'", 'c "d"'))], [])
def test_any_text_in_any_field_stays_that_text(some: list[Model], alone: list[Audit]) -> None:
    different = list(map(apart, some, range(len(some)))) if some[1:] else some
    reads = tuple(model.fqn for model in different)
    made = package(
        *different,
        standalone_audits=tuple(
            StandaloneAudit(replace(use, standalone=True), reads, "@daily") for use in alone
        ),
    )
    assert sum(len(asset.checks) for asset in made.assets) == len(alone) + sum(
        len(model.audits) for model in different
    )
    texts = files(made)
    for asset in made.assets:
        text = texts[str(PurePosixPath("models", *asset.module).with_suffix(".py"))]
        assert evaluate_module(text) == expected_module(asset)
    for text in texts.values():
        assert_is_black(text)


def apart(model: Model, index: int) -> Model:
    """Return the model under a name that no other has, so that several are rendered at once."""
    named = replace(model.table, catalog=f"c{index}{model.table.catalog}")
    return replace(model, fqn=f"{index}{model.fqn}", table=named)


def test_a_module_in_full() -> None:
    only = model(
        "shop.marts.orders",
        depends_on=(fqn("shop.raw.lines"), fqn("shop.raw.heads")),
        description="Orders\nwith 'lines'",
        owner="ana@example.com",
        tags=("dagster:group_name:marts", "daily"),
        columns=(Column("id", "INT", "The key"), Column("total")),
        audits=(audit("not_null", columns="(id)"),),
        query="SELECT\n  1",
        source=Path("/no/where/shop/models/orders.sql"),
    )
    assert rendered(only)["models/shop/marts/orders.py"] == FULL


FULL = """\
# Generated by dg-sqlmesh-codegen. Change the SQLMesh project and generate again; do not edit.

import dagster as dg
from dg_sqlmesh_codegen.runtime import AuditCheck, ModelAsset

model = ModelAsset(
    fqn='"shop"."marts"."orders"',
    spec=dg.AssetSpec(
        key=["shop", "marts", "orders"],
        deps=[
            ["shop", "raw", "heads"],
            ["shop", "raw", "lines"],
        ],
        description=("Orders\\n" "with 'lines'"),
        group_name="marts",
        kinds={
            "duckdb",
            "sqlmesh",
            "table",
        },
        tags={
            "daily": "true",
        },
        owners=[
            "ana@example.com",
        ],
        code_version="1234567890",
        skippable=True,
        metadata={
            "dagster/table_name": "shop.marts.orders",
            "sqlmesh/kind": "FULL",
            "sqlmesh/dialect": "duckdb",
            "sqlmesh/cron": "@daily",
            "sqlmesh/tags": ["dagster:group_name:marts", "daily"],
            "sqlmesh/source": "../../../../shop/models/orders.sql",
            "sqlmesh/query": ("SELECT\\n" "  1"),
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn("id", "INT", description="The key"),
                    dg.TableColumn("total", "unknown"),
                ]
            ),
        },
    ),
    audits=(
        AuditCheck(
            audit="not_null",
            args={
                "columns": "(id)",
            },
            spec=dg.AssetCheckSpec(
                name="not_null",
                asset=["shop", "marts", "orders"],
                description="SQLMesh audit not_null(columns := (id)), blocking",
                blocking=False,
                metadata={
                    "sqlmesh/blocking": True,
                    "sqlmesh/audit_args": {
                        "columns": "(id)",
                    },
                    "sqlmesh/dialect": "duckdb",
                    "sqlmesh/audit_query": "SELECT * FROM @this_model",
                },
            ),
        ),
    ),
)
"""


class Plain(SQLMeshTranslator):
    """A translator that has nothing to say."""

    def get_kinds(self, model: Model) -> tuple[str, ...]:
        return ()


def test_a_translator_may_name_no_kinds() -> None:
    made = package(model())
    assets = graph.build(made.project, translation(made.project, Plain()), OUT)
    text = files(replace(made, assets=assets))["models/shop/sales/orders.py"]
    spec = evaluate_module(text).kwargs["spec"]
    assert isinstance(spec, Call)
    assert spec.kwargs.get("kinds", set()) == set()


# ---- the package


def test_the_files_of_a_package() -> None:
    assert sorted(rendered(model("shop.b.x"), model("shop.a.y"), model("other.a.z"))) == [
        "__init__.py",
        "definitions.py",
        "models/__init__.py",
        "models/other/__init__.py",
        "models/other/a/__init__.py",
        "models/other/a/z.py",
        "models/shop/__init__.py",
        "models/shop/a/__init__.py",
        "models/shop/a/y.py",
        "models/shop/b/__init__.py",
        "models/shop/b/x.py",
    ]


def test_every_file_carries_the_banner_and_is_black() -> None:
    for text in rendered(model("shop.b.x"), model("shop.a.y")).values():
        assert is_ours(text)
        assert_is_black(text)


def test_packages_are_empty_but_for_the_banner() -> None:
    made = rendered(model())
    for path in ("__init__.py", "models/shop/__init__.py", "models/shop/sales/__init__.py"):
        assert not ast.parse(made[path]).body


def test_models_are_imported_and_listed_sorted() -> None:
    made = rendered(model("shop.b.x"), model("shop.a.import"), model("1st.a.z"))
    assert made["models/__init__.py"] == (
        f"{HEADER}\n"
        "\n"
        "from dg_sqlmesh_codegen.runtime import ModelAsset\n"
        "\n"
        "from ._1st.a.z import model as _1st__a__z\n"
        "from .shop.a.import_ import model as shop__a__import_\n"
        "from .shop.b.x import model as shop__b__x\n"
        "\n"
        "MODELS: tuple[ModelAsset, ...] = (\n"
        "    _1st__a__z,\n"
        "    shop__a__import_,\n"
        "    shop__b__x,\n"
        ")\n"
    )


def imported_names(text: str) -> list[str]:
    return [
        str(alias.asname)
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    ]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(some_text, some_text), min_size=1, max_size=4, unique=True),
)
def test_every_model_is_imported_whatever_its_name(names: list[tuple[str, str]]) -> None:
    tables = [TableName(f"c{index}", schema, view) for index, (schema, view) in enumerate(names)]
    made = rendered(*(model(table=table, fqn=str(table)) for table in tables))
    assert_is_black(made["models/__init__.py"])
    found = imported_names(made["models/__init__.py"])
    assert len({*found}) == len(tables)
    assert all(path.isascii() for path in made)
    assert len([path for path in made if not path.endswith("__init__.py")]) == len(tables) + 1


def test_a_package_without_schedules_or_models_still_parses() -> None:
    made = files(package(schedules=()))
    assert sorted(made) == ["__init__.py", "definitions.py", "models/__init__.py"]
    for text in made.values():
        ast.parse(text)
        assert_is_black(text)


def test_versions_appear_in_one_file_only() -> None:
    made = package(model())
    stamped = replace(made, project=replace(made.project, sqlmesh_version="98.76.54"))
    texts = files(stamped)
    assert [path for path, text in texts.items() if "98.76.54" in text] == ["definitions.py"]
    assert [path for path, text in texts.items() if __version__ in text] == ["definitions.py"]


def test_rendering_is_deterministic() -> None:
    several = [model(f"shop.s{index % 3}.m{index}", tags=("b", "a", "c")) for index in range(9)]
    first = package(*several)
    assert render_package(first) == render_package(package(*reversed(several)))
    assert render_package(first) == render_package(first)


_RENDER = """
from builders import *
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering.package import Package, render
from dg_sqlmesh_codegen.translation import graph

models = [
    model(f"s.m{index}", tags=tuple("zyxw"), audits=(audit(b="1", a="2"), audit(c="3")))
    for index in range(3)
]
out = Path("/no/where/defs")
assets = graph.build(project(*models), translation(project(*models)), out)
settings = Config((Path.cwd(),), out)
print(render(Package(settings, project(*models), assets, ())))
"""


@pytest.mark.process
def test_the_hash_seed_changes_nothing() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _RENDER],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(HERE)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert b"models/s/m2.py" in outputs.pop()


@pytest.mark.parametrize("place", ["here", "somewhere/else entirely"])
def test_the_folder_does_not_matter(tmp_path: Path, place: str) -> None:
    shop = tmp_path / place / "shop"
    shop.mkdir(parents=True)
    source = shop / "models" / "orders.sql"
    made = files(
        package(model(source=source), config=Config((shop,), tmp_path / place / "out" / "defs"))
    )
    assert not [path for path, text in made.items() if str(tmp_path) in text or place in text]
    assert '"../../shop"' in made["definitions.py"]
    assert '"../../../../../shop/models/orders.sql"' in made["models/shop/sales/orders.py"]


# ---- definitions.py


def schedule_functions(text: str) -> dict[str, dict[str, object]]:
    """Return the arguments of `@dg.schedule` by the name of the function below it."""
    return {
        node.name: {
            str(keyword.arg): (
                keyword.value.id if isinstance(keyword.value, ast.Name) else evaluate(keyword.value)
            )
            for keyword in decorator.keywords
        }
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "dg.schedule"
    }


SCHEDULES = {
    "none": (),
    "one": DAILY,
    "several crons": (Schedule("UTC", ("0 0 * * *", "30 2 * * *")),),
    "several zones": (
        Schedule("UTC", ("0 0 * * *",)),
        Schedule("America/Argentina/Buenos_Aires", ("0 0 * * *", "0 9 * * 3#1")),
        Schedule("Etc/GMT+5", ("*/5 * * * *",)),
    ),
    "no utc": (Schedule("Europe/Berlin", ("0 0 * * *",)),),
}


@pytest.mark.parametrize("schedules", SCHEDULES.values(), ids=SCHEDULES)
def test_definitions_have_the_names_that_are_contract(schedules: tuple[Schedule, ...]) -> None:
    text = definitions(schedules)
    assert_is_black(text)
    names = {
        name
        for node in ast.parse(text).body
        for name in (
            [node.name]
            if isinstance(node, ast.FunctionDef)
            else (
                [ast.unparse(target) for target in node.targets]
                if isinstance(node, ast.Assign)
                else []
            )
        )
    }
    assert {"sqlmesh_models", "sqlmesh_job", "defs"} <= names
    assert 'name="sqlmesh_models"' in text
    assert '"sqlmesh_job",' in text
    assert 'pool="sqlmesh_jobs_exclusive"' in text
    assert '"dagster/concurrency_key": "sqlmesh_jobs_exclusive"' in text
    assert '"sqlmesh": SQLMeshResource(' in text
    assert len(schedule_functions(text)) == len(schedules)
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_one_cron_is_text() -> None:
    assert schedule_functions(definitions()) == {
        "sqlmesh_adaptive_schedule": {
            "name": "sqlmesh_adaptive_schedule",
            "job": "sqlmesh_job",
            "cron_schedule": "0 0 * * *",
            "execution_timezone": "UTC",
        }
    }


def test_several_crons_are_a_list() -> None:
    functions = schedule_functions(definitions(SCHEDULES["several crons"]))
    assert functions["sqlmesh_adaptive_schedule"]["cron_schedule"] == ["0 0 * * *", "30 2 * * *"]


def test_a_time_zone_is_in_the_name() -> None:
    functions = schedule_functions(definitions(SCHEDULES["several zones"]))
    assert {name: kwargs["execution_timezone"] for name, kwargs in functions.items()} == {
        "sqlmesh_adaptive_schedule": "UTC",
        "sqlmesh_adaptive_schedule_america_argentina_buenos_aires": (
            "America/Argentina/Buenos_Aires"
        ),
        "sqlmesh_adaptive_schedule_etc_gmt_plus_5": "Etc/GMT+5",
    }
    assert all(kwargs["name"] == name for name, kwargs in functions.items())


def resource_arguments(text: str) -> dict[str, str]:
    """Return the source of each argument of the resource."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "SQLMeshResource"
    )
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in call.keywords}


def test_the_resource_of_one_project() -> None:
    assert resource_arguments(definitions()) == {
        "project_dir": "os.getenv('DG_SQLMESH_PROJECT_DIR') or "
        f"str((HERE / {os.path.relpath(HERE, OUT)!r}).resolve())",
        "gateway": "os.getenv('DG_SQLMESH_GATEWAY') or None",
        "environment": "os.getenv('DG_SQLMESH_ENVIRONMENT') or 'prod'",
    }


def test_the_resource_with_everything(tmp_path: Path) -> None:
    folders = tuple(tmp_path / name for name in ("one", "two", "the third"))
    for folder in folders:
        folder.mkdir()
    config = Config(
        folders, tmp_path / "defs", gateway="local", config_name="test", environment="dev_ana"
    )
    text = definitions(config=config)
    assert_is_black(text)
    assert resource_arguments(text) == {
        "project_dir": "str((HERE / '../one').resolve())",
        "other_project_dirs": (
            "[str((HERE / '../two').resolve()), str((HERE / '../the third').resolve())]"
        ),
        "gateway": "os.getenv('DG_SQLMESH_GATEWAY') or 'local'",
        "config_name": "'test'",
        "environment": "os.getenv('DG_SQLMESH_ENVIRONMENT') or 'dev_ana'",
    }


@settings(max_examples=15, deadline=None)
@given(
    some_text.filter(str.strip), some_text.filter(str.strip), any_text.filter(str.strip), any_text
)
def test_any_text_in_the_definitions(
    gateway: str, config_name: str, environment: str, version: str
) -> None:
    made = package(model(), config=Config((HERE,), OUT, gateway, environment, config_name))
    stamped = replace(made, project=replace(made.project, sqlmesh_version=version))
    text = files(stamped)["definitions.py"]
    assert_is_black(text)
    arguments = resource_arguments(text)
    assert arguments["gateway"].endswith(f" or {gateway!r}")
    assert ast.literal_eval(arguments["config_name"]) == config_name
    assert arguments["environment"].endswith(f" or {environment!r}")
    assert version in [
        node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)
    ]


# ---- the templates


def test_the_templates_are_where_render_looks() -> None:
    assert {path.name for path in template_dir().iterdir()} == {
        *templates.NAMES,
        "README.md",
    }


@pytest.mark.parametrize(
    "mistake",
    [
        "x = {{ nothing }}",
        "x = {{ asset.nothing }}",
        "x = {{ asset.model.nothing }}",
        "{% if nothing %}{% endif %}",
        "{% for x in nothing %}{% endfor %}",
        "x = {{ nothing or 1 }}",
        "x = {{ asset.nothing.more }}",
    ],
)
def test_an_undefined_variable_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    for template in template_dir().iterdir():
        (tmp_path / template.name).write_text(template.read_text())
    (tmp_path / "model.py.jinja").write_text(mistake)
    monkeypatch.setattr(templates, "template_dir", lambda: tmp_path)
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        render_package(package(model()))


def test_a_template_that_is_no_python_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for template in template_dir().iterdir():
        (tmp_path / template.name).write_text(template.read_text())
    (tmp_path / "definitions.py.jinja").write_text("def")
    monkeypatch.setattr(templates, "template_dir", lambda: tmp_path)
    with pytest.raises(black.parsing.InvalidInput):
        render_package(package(model()))


def formatted(made: Package, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the banner and the first line after it of each text that black was given."""
    seen = []
    original = black.format_str

    def look(text: str, *, mode: black.mode.Mode) -> str:
        seen.append(" ".join(text.split("\n")[2:3]))
        return original(text, mode=mode)

    monkeypatch.setattr(black, "format_str", look)
    render_package(made)
    return seen


def test_black_does_not_see_what_is_its_style_by_construction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = "A description that is wider than a line may be " * 3
    several = [
        model(
            f"shop.sales.{'a_long_name_' * 5}{index}",
            description=f"{wide}\n{wide}",
            columns=(Column("id", "INT", wide), Column("id", "INT", f"{wide}\n{wide}")),
            grains=("a" * 40, "b" * 40),
            audits=(audit("not_null", columns=wide),),
            query="größe " * 50,
        )
        for index in range(2)
    ]
    assert formatted(package(*several), monkeypatch) == ["import os"]  # definitions.py


def test_every_template_may_be_given_to_black(monkeypatch: pytest.MonkeyPatch) -> None:
    made = package(model("shop.a.x", description="one\ntwo", audits=(audit(),)), model("shop.a.y"))
    expected = render_package(made)
    monkeypatch.setattr(templates, "_STYLED", frozenset())
    assert len(formatted(made, monkeypatch)) == len(expected)
    assert render_package(made) == expected


def test_black_sees_a_line_that_only_it_can_split(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = replace(audit(), args=(("a" * 80, "one\ntwo"),))
    assert formatted(package(model(audits=(strange,))), monkeypatch) == [
        "import dagster as dg",
        "import os",
    ]


# ---- what Dagster makes of it


def load(folder: Path, made: Package, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Write the package under a name of its own and import its definitions."""
    name = f"generated_{folder.name}"
    for path, text in files(made).items():
        target = folder / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(f"{name}.definitions")


def specs_of(defs: dg.Definitions) -> Iterable[dg.AssetSpec]:
    return defs.resolve_all_asset_specs()


def test_dagster_loads_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = 'tri"""ple \'quotes\' {{ braces }} \\ \r\n \x0c \u2028 \u200f größe\nlast'
    made = package(
        model(
            "shop.marts.orders",
            depends_on=(fqn("shop.raw.lines"), fqn("lake.raw.heads")),
            description=strange,
            owner="finance",
            tags=("a b", "dagster:group_name:marts"),
            columns=(Column("id", None, strange),),
            audits=(audit("not_null", columns="(id)"), audit("not_null", columns=strange)),
            query=strange,
        ),
        model("shop.raw.lines", kind="SEED", cron_tz="Europe/Berlin"),
        schedules=SCHEDULES["several zones"],
        config=Config((HERE,), tmp_path / "defs", gateway="local", environment="dev"),
    )
    module = load(tmp_path, made, monkeypatch)
    defs = module.defs
    assert isinstance(defs, dg.Definitions)
    specs = {spec.key.to_user_string(): spec for spec in specs_of(defs)}
    assert set(specs) == {"shop/marts/orders", "shop/raw/lines", "lake/raw/heads"}
    orders = specs["shop/marts/orders"]
    assert orders.description == strange
    assert orders.metadata["sqlmesh/query"] == strange
    assert {dep.asset_key.to_user_string() for dep in orders.deps} == {
        "lake/raw/heads",
        "shop/raw/lines",
    }
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert "sqlmesh_execution_status" in checks
    assert len(checks) == 3
    job = defs.resolve_job_def("sqlmesh_job")
    assert job.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"
    (op,) = job.nodes
    assert op.name == "sqlmesh_models"
    assert op.definition.pools == {"sqlmesh_jobs_exclusive"}
    for schedule in SCHEDULES["several zones"]:
        (found,) = (
            defined
            for defined in defs.schedules or ()
            if isinstance(defined, dg.ScheduleDefinition)
            and defined.execution_timezone == schedule.timezone
        )
        crons = found.cron_schedule
        assert ((crons,) if isinstance(crons, str) else tuple(crons)) == schedule.crons
        assert found.job_name == "sqlmesh_job"
    assert set(defs.resources or ()) == {"sqlmesh"}
