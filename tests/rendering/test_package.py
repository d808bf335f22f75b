"""The generated files: what they hold, exactly, and that they are black's own style."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import black
import black.mode
import dagster as dg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from builders import audit, fqn, model
from dg_sqlmesh_codegen.config.jobs import Job
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.rendering.header import HEADER, is_ours
from dg_sqlmesh_codegen.rendering.package import Package, render
from dg_sqlmesh_codegen.runtime.records import sql_block
from dg_sqlmesh_codegen.schedules.crons import Schedule
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    Audit,
    AuditUse,
    Column,
    Model,
    StandaloneAudit,
    TableName,
)
from dg_sqlmesh_codegen.version import CONTRACT, __version__
from packages import OUT, rendered, translated, with_jobs, write

T = TypeVar("T")
HERE = Path(__file__).parents[1]
BLACK = black.mode.Mode(target_versions={black.mode.TargetVersion.PY311})
CONSTRUCTORS = {"ModelAsset", "AuditCheck", "Audit", "dg.AssetSpec"}
CONSTRUCTORS |= {"dg.TableSchema", "dg.TableColumn"}
CONSTRUCTORS |= {"dg.TableColumnLineage", "dg.TableColumnDep"}

# What has a meaning in Python, Jinja, black, SQL or on a terminal.
PIECES = (
    *("'", '"', "'''", '"""', "\\", "\\\\", "\\n", "\\'", '\\"', "\\N{BULLET}", "\\x41", "\\u0041"),
    *("{{ asset }}", "{% raw %}", "{%", "%}", "{{", "}}", "{# x #}", "{", "}", "{x!r}", "%s"),
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\t", "\x00", "\x1b[31m", "\x7f", "\x85", "\xa0", "\xad"),
    *("\u2028", "\u2029", "\u202e", "\u200f", "\ufeff", "\ufffe", "\ud800", "\udc00", "\udcff"),
    *("größe", "数", "🦆", "e\u0301", "\U0010ffff", "${x}"),
    *("# fmt: off", "# type: ignore", "#", ",", "(", ")", "[", "]", ";", "__import__('os')", "@x"),
    *("None", "True", "f'{1}'", "dg.AssetKey('x')", " ", "  ", "a" * 120),
)
any_text = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=4), max_size=6
).map("".join)
some_text = any_text.filter(bool)
OF_TYPE: dict[object, st.SearchStrategy[object]] = {
    "str": any_text,
    "str | None": st.none() | any_text,
    "bool": st.booleans(),
    "int | None": st.none() | st.integers(1, 99),
    "tuple[str, ...]": st.lists(any_text, max_size=3).map(tuple),
    "tuple[tuple[str, str], ...]": st.dictionaries(any_text, any_text, max_size=3).map(
        lambda arguments: tuple(arguments.items())
    ),
}


def records(record: type[T], **given: st.SearchStrategy[object]) -> st.SearchStrategy[T]:
    """Draw records: a field that is not given takes any value of its type."""
    others = [field for field in fields(record) if field.name not in given]  # type: ignore[arg-type]
    return st.builds(record, **given, **{field.name: OF_TYPE[field.type] for field in others})


audits = records(Audit, standalone=st.just(False))
audit_uses = records(AuditUse, audit=audits)
models = records(
    Model,
    table=st.builds(TableName, st.none() | some_text, some_text, some_text),
    kind=any_text,
    depends_on=st.just(()),
    columns=st.lists(records(Column, reads=st.just(())), max_size=3).map(tuple),
    audits=st.lists(audit_uses, max_size=3, unique_by=lambda use: use.audit.name).map(tuple),
    source=st.none() | any_text.map(lambda text: Path(f"/project/{text}.sql")),
)


SYNTAX = (
    *(ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.Assign, ast.Name, ast.Attribute),
    *(ast.Call, ast.keyword, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Constant),
    *(ast.Load, ast.Store),
)


def constants(text: str) -> set[object]:
    """Return the texts of a module, after checking that it holds nothing else than literals.

    The name of a keyword argument is one of its texts.
    """
    found: set[object] = set()
    for node in ast.walk(ast.parse(text)):
        assert isinstance(node, SYNTAX)
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) in CONSTRUCTORS
        elif isinstance(node, ast.Constant):
            found.add(node.value)
        elif isinstance(node, ast.keyword):
            found.add(node.arg)
    return found


REFERENCES = {"model", "constant", "audit"}


def texts(value: object) -> set[str]:
    """Return every text in a record, but for the SQLMesh model or audit behind it."""
    if isinstance(value, str):
        return {value}
    if is_dataclass(value):
        value = [getattr(value, each.name) for each in fields(value) if each.name not in REFERENCES]
    return set().union(*map(texts, value)) if isinstance(value, list | tuple) else set()


def definitions(schedules: Sequence[Schedule] = (), *, config: Config | None = None) -> str:
    made = translated(model(), config=config, schedules=tuple(schedules))
    return rendered(made)["definitions.py"]


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
    [model(audits=(AuditUse(Audit("a\nb", "", ""), (("c\nd", "e\nf"), ("g", "")), False),))], []
)
@example([model("no.catalog", table=TableName(None, "a 'b'", 'c "d"'))], [])
def test_any_text_in_any_field_stays_that_text(some: list[Model], alone: list[Audit]) -> None:
    different = list(map(apart, some, range(len(some)))) if some[1:] else some
    reads = tuple(model.fqn for model in different)
    made = translated(
        *different,
        standalone_audits=tuple(
            StandaloneAudit(replace(use, standalone=True), reads, "@daily") for use in alone
        ),
    )
    assert sum(len(asset.checks) for asset in made.assets) == len(alone) + sum(
        len(model.audits) for model in different
    )
    files = rendered(made)
    for asset in made.assets:
        text = files[str(PurePosixPath("models", *asset.module).with_suffix(".py"))]
        shown = texts(replace(asset, module=())) | {asset.model.fqn, asset.model.data_hash}
        assert shown - {""} <= constants(text)
        for use in asset.model.audits:
            assert texts(replace(use.audit)) - {""} <= constants(files["audits.py"])
    for text in files.values():
        assert_is_black(text)


def apart(model: Model, index: int) -> Model:
    """Return the model under a name that no other has, so that several are rendered at once."""
    named = replace(model.table, catalog=f"c{index}{model.table.catalog}")
    return replace(model, fqn=f"{index}{model.fqn}", table=named)


def test_a_model_and_its_audits_in_full() -> None:
    only = model(
        "shop.marts.orders",
        depends_on=(fqn("shop.raw.lines"), fqn("shop.raw.heads")),
        description="Orders\nwith 'lines'",
        owner="ana@example.com",
        tags=("dagster:group_name:marts", "daily"),
        columns=(Column("id", "INT", "The key"), Column("total")),
        audits=(
            audit("not_null", columns="(id)"),
            audit("not_null", columns="(total)", blocking=False),
            replace(audit("custom", query="SELECT\n  1"), args=(("in", "(1, 2)"),)),
        ),
        query="SELECT\n  1",
        source=Path("/no/where/shop/models/orders.sql"),
        source_line=3,
    )
    golden = HERE / "rendering" / "orders.py.golden"
    made = rendered(translated(only))
    text = made["models/shop/marts/orders.py"] + made["audits.py"]
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(("length", "factor"), [(5, 40), (500, 5)])
@pytest.mark.parametrize("uses", [10, 400])
def test_a_module_is_larger_than_its_sql_by_a_constant_factor(
    uses: int, length: int, factor: int
) -> None:
    query = "SELECT\n  a_long_text_of_an_audit\n" * 200
    names = [f"({'c' * length}{use})" for use in range(uses)]
    audits = [audit("custom", query=query, columns=each) for each in names]
    only = model("shop.a.x", audits=tuple(audits))
    sql = query + "".join(f"custom({each.args[0][1]})" for each in audits)
    made = rendered(translated(only))
    text = made["models/shop/a/x.py"] + made["audits.py"]
    assert len(text) < factor * len(sql)
    assert text.count('"SELECT\\n"') == 200


# ---- the package


def test_the_files_of_a_package() -> None:
    made = rendered(translated(model("shop.b.x"), model("shop.a.import"), model("1st.a.z")))
    assert sorted(made) == [
        "__init__.py",
        "definitions.py",
        "models/_1st/__init__.py",
        "models/_1st/a/__init__.py",
        "models/_1st/a/z.py",
        "models/__init__.py",
        "models/shop/__init__.py",
        "models/shop/a/__init__.py",
        "models/shop/a/import_.py",
        "models/shop/b/__init__.py",
        "models/shop/b/x.py",
    ]
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
    assert made["__init__.py"] == (
        f"{HEADER}\n"
        "\n"
        "from dg_sqlmesh_codegen.runtime import require_contract\n"
        "\n"
        f"CONTRACT = require_contract({CONTRACT}, __file__)\n"
    )
    empty = rendered(translated(schedules=()))
    assert sorted(empty) == ["__init__.py", "definitions.py", "models/__init__.py"]
    for path, text in [*made.items(), *empty.items()]:
        assert is_ours(text)
        assert_is_black(text)
        if path.endswith("__init__.py") and path not in ("__init__.py", "models/__init__.py"):
            assert text == f"{HEADER}\n"


def test_versions_appear_in_one_file_only() -> None:
    made = translated(model())
    texts = rendered(replace(made, project=replace(made.project, sqlmesh_version="98.76.54")))
    for version in ("98.76.54", __version__):
        assert [path for path, text in texts.items() if version in text] == ["definitions.py"]


def test_the_order_of_the_models_does_not_matter() -> None:
    models = [model(f"s{index % 2}.m{index}", audits=(audit(b="1", a="2"),)) for index in range(4)]
    assert rendered(translated(*models)) == rendered(translated(*reversed(models)))


# ---- definitions.py


def calls(text: str, function: str) -> list[dict[str, str]]:
    """Return the source of each argument of each call of a function."""
    return [
        {str(keyword.arg): ast.unparse(keyword.value) for keyword in node.keywords}
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == function
    ]


DAILY = ("0 0 * * *",)
ZONES = (
    Schedule("UTC", DAILY),
    Schedule("America/Argentina/Buenos_Aires", ("0 0 * * *", "0 9 * * 3#1")),
    Schedule("Etc/GMT+5", ("*/5 * * * *",)),
)


@pytest.mark.parametrize(
    ("schedules", "names"),
    [
        ((), []),
        (ZONES[:1], [""]),
        ([Schedule("UTC", ("0 0 * * *", "30 2 * * *"))], [""]),
        (ZONES, ["", "_america_argentina_buenos_aires", "_etc_gmt_plus_5"]),
        ([Schedule("Europe/Berlin", DAILY)], ["_europe_berlin"]),
    ],
)
def test_definitions_have_a_schedule_for_each_time_zone(
    schedules: Sequence[Schedule], names: list[str]
) -> None:
    text = definitions(schedules)
    assert_is_black(text)
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert calls(text, "dg.schedule") == [
        {
            "name": f"'sqlmesh_adaptive_schedule{name}'",
            "job": "sqlmesh_job",
            # One cron is a text, several are a list.
            "cron_schedule": repr(each.crons[0] if len(each.crons) == 1 else list(each.crons)),
            "execution_timezone": repr(each.timezone),
            "description": repr(
                "Ticks at the crons of the models. Requests a run of those that are due."
            ),
        }
        for each, name in zip(schedules, names, strict=True)
    ]
    for name in names:
        assert f"def sqlmesh_adaptive_schedule{name}(" in text


def test_definitions_have_the_names_of_the_package(tmp_path: Path) -> None:
    config = Config((tmp_path,), tmp_path / "defs", name="finance", pool="bank")
    text = definitions(ZONES[1:2], config=config)

    assert_is_black(text)
    assert "sqlmesh_" not in re.sub("dg_sqlmesh_codegen", "", text)
    assert text.count('pool="bank"') == 2
    assert '"dagster/concurrency_key": "bank"' in text
    for line in (
        'name="finance_models"',
        "def finance_sync_job(",
        "finance: SQLMeshResource",
        'os.getenv("DG_SQLMESH_PROJECT_DIR_FINANCE")',
        'os.getenv("DG_SQLMESH_GATEWAY_FINANCE")',
        'os.getenv("DG_SQLMESH_ENVIRONMENT")',
        '"finance": SQLMeshResource(',
        "def finance_schedule_america_argentina_buenos_aires(",
    ):
        assert line in text


def test_the_resource(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "the third"))
    for folder in (one, two, three):
        folder.mkdir()
    out = tmp_path / "defs"
    plain = definitions(config=Config((one,), out))
    config = Config((one, two, three), out, "local", "dev_ana", "test", upstream="fail")
    config = replace(config, retry_failed="every_tick", report_plans=False, not_due="materialize")
    full = definitions(config=config)
    assert_is_black(full)
    assert calls(plain, "SQLMeshResource") + calls(full, "SQLMeshResource") == [
        {
            "project_dir": "os.getenv('DG_SQLMESH_PROJECT_DIR') or "
            "str((HERE / '../one').resolve())",
            "gateway": "os.getenv('DG_SQLMESH_GATEWAY') or None",
            "environment": "ENVIRONMENT",
        },
        {
            "project_dir": "str((HERE / '../one').resolve())",
            "other_project_dirs": (
                "[str((HERE / '../two').resolve()), str((HERE / '../the third').resolve())]"
            ),
            "gateway": "os.getenv('DG_SQLMESH_GATEWAY') or 'local'",
            "config_name": "'test'",
            "environment": "ENVIRONMENT",
            "upstream": "'fail'",
            "retry_failed": "'every_tick'",
            "report_plans": "False",
            "not_due": "'materialize'",
        },
    ]


def test_the_job_that_restates(tmp_path: Path) -> None:
    tmp_path.joinpath("shop").mkdir()
    config = Config((tmp_path / "shop",), tmp_path / "defs", name="finance", pool="one")

    text = definitions(config=replace(config, restate=True, op_tags={"team": "data"}))

    assert_is_black(text)
    for line in (
        "    finance.restate(context, MODELS, config)",
        '    tags={"dagster/concurrency_key": "one", "sqlmesh/restates": "finance"},',
        "def finance_restate_job() -> None:",
        "    jobs=[finance_job, finance_sync_job, finance_restate_job],",
    ):
        assert line in text.splitlines()
    assert text.count('"team": "data"') == 2
    assert "estate" not in definitions(config=config)


def test_the_address_of_the_package_in_its_repository(tmp_path: Path) -> None:
    shop, out = tmp_path / "shop", tmp_path / "our dagster" / "defs"
    shop.mkdir()
    config = Config((shop,), out, code_url="https://git.example/org/repo/blob/{ref}/")
    with pytest.raises(SettingError, match=f"no git repository contains {out} and {shop}"):
        definitions(config=config)
    (tmp_path / ".git").mkdir()

    text = definitions(config=config)

    assert_is_black(text)
    assert '"https://git.example/org/repo/blob/{ref}/our%20dagster/defs/".replace(' in text
    assert "specs=asset_specs(MODELS, CODE_URL, ENVIRONMENT)," in text
    with pytest.raises(SettingError, match="no git repository"):
        definitions(config=replace(config, projects=(HERE,)))


def test_blocking_checks_and_an_automation_condition(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    config = Config((tmp_path / "shop",), tmp_path / "defs", blocking_checks="dagster")
    blocking = definitions(config=config)
    bare = definitions(config=replace(config, execution_status_check=False))
    assert_is_black(blocking)
    assert_is_black(bare)
    assert "tuple(model.with_blocking_checks() for model in ALL_MODELS)" in blocking
    assert ".with_blocking_checks().without_status_check()" in bare

    made = rendered(translated(model(tags=("dagster:automation:eager",))))
    (module,) = [text for name, text in made.items() if name.endswith("orders.py")]
    assert "automation_condition=dg.AutomationCondition.eager()," in module
    assert_is_black(module)


not_blank = any_text.filter(str.strip)


@settings(max_examples=15, deadline=None)
@given(not_blank, not_blank, st.from_regex(r"[a-z0-9_ß]+", fullmatch=True), any_text)
def test_any_text_in_the_definitions(
    gateway: str, config_name: str, environment: str, version: str
) -> None:
    made = translated(model(), config=Config((HERE,), OUT, gateway, environment, config_name))
    stamped = replace(made, project=replace(made.project, sqlmesh_version=version))
    text = rendered(stamped)["definitions.py"]
    assert_is_black(text)
    (arguments,) = calls(text, "SQLMeshResource")
    assert arguments["gateway"].endswith(f" or {gateway!r}")
    assert ast.literal_eval(arguments["config_name"]) == config_name
    assert arguments["environment"] == "ENVIRONMENT"
    assert f" or {environment!r}\n" in ast.unparse(ast.parse(text))
    nodes = ast.walk(ast.parse(text))
    assert version in [node.value for node in nodes if isinstance(node, ast.Constant)]


# ---- which texts black sees


def test_black_does_not_see_what_is_its_style_by_construction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    original = black.format_str

    def look(text: str, *, mode: black.mode.Mode) -> str:
        seen.append(text.split("\n")[2])  # the first line below the header
        return original(text, mode=mode)

    monkeypatch.setattr(black, "format_str", look)
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
    render(translated(*several))
    assert seen == ["import os"]  # definitions.py
    seen.clear()
    only_black_can_split = replace(audit(), args=(("a" * 80, "one\ntwo"),))
    render(translated(model(audits=(only_black_can_split,))))
    assert seen == ["import dagster as dg", "import os"]


# ---- what Dagster makes of it


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Package, str], Any]:
    """A function that writes a package and imports one of its modules."""

    def write_and_import(made: Package, module: str) -> Any:  # noqa: ANN401 - of a generated module
        name = f"generated_{tmp_path.name}"
        files = {PurePosixPath(path): text for path, text in rendered(made).items()}
        write(files, tmp_path / name)
        monkeypatch.syspath_prepend(tmp_path)
        return importlib.import_module(f"{name}.{module}")

    return write_and_import


def test_dagster_loads_the_package(tmp_path: Path, imported: Callable[[Package, str], Any]) -> None:
    strange = 'tri"""ple \'quotes\' {{ braces }} \\ \r\n \x0c \u2028 \u200f größe\nlast'
    orders = model(
        "shop.marts.orders",
        depends_on=(fqn("shop.raw.lines"), fqn("lake.raw.heads")),
        description=strange,
        owner="finance",
        tags=("a b", "dagster:group_name:marts"),
        columns=(Column("id", None, strange),),
        audits=(audit("not_null", columns="(id)"), audit("not_null", columns=strange)),
        query=strange,
    )
    lines = model("shop.raw.lines", kind="SEED", cron_tz="Europe/Berlin")
    config = Config((HERE,), tmp_path / "defs", gateway="local", environment="dev")
    made = translated(orders, lines, config=config, schedules=ZONES)
    defs = imported(made, "definitions").defs
    assert isinstance(defs, dg.Definitions)

    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert set(specs) == {"shop/marts/orders", "shop/raw/lines", "lake/raw/heads"}
    spec = specs["shop/marts/orders"]
    facts = "`FULL` model, every day at 00:00 UTC (cron `@daily`)"
    assert spec.description == f"{strange}\n\n{facts}"
    assert spec.metadata["sqlmesh/query"] == sql_block(strange)
    read = {dep.asset_key.to_user_string() for dep in spec.deps}
    assert read == {"lake/raw/heads", "shop/raw/lines"}
    graph = defs.resolve_asset_graph()
    checks = {key.name: graph.get_check_spec(key).metadata for key in graph.asset_check_keys}
    assert len(checks) == 3
    assert checks["not_null__id"] == {
        "sqlmesh/blocking": True,
        "sqlmesh/dialect": "duckdb",
        "sqlmesh/audit_args": {"columns": "(id)"},
        "sqlmesh/audit_query": dg.MarkdownMetadataValue("```sql\nSELECT * FROM @this_model\n```"),
    }
    found = [each for each in defs.schedules or () if isinstance(each, dg.ScheduleDefinition)]
    assert {each.job_name for each in found} == {"sqlmesh_job"}
    crons = {each.execution_timezone: each.cron_schedule for each in found}
    assert {zone: [cron] if isinstance(cron, str) else cron for zone, cron in crons.items()} == {
        each.timezone: list(each.crons) for each in ZONES
    }
    assert set(defs.resources or ()) == {"sqlmesh"}


def test_dagster_loads_a_package_with_jobs(
    tmp_path: Path, imported: Callable[[Package, str], Any]
) -> None:
    strange = 'a "quoted" {{ text }}'
    jobs = (
        Job("first", schedule=True, tags={"team": strange, "dagster/priority": 3}),
        Job("second", cron="0 6 * * *", timezone="Europe/Berlin", description=strange),
        Job("third"),
    )
    config = Config((HERE,), tmp_path / "defs", jobs=jobs)
    of = {"first": ("shop.a.x", "shop.a.y"), "second": ("shop.a.y",), "third": ("shop.a.x",)}
    models = (model(name) for name in ("shop.a.x", "shop.a.y", "shop.a.z"))
    made = with_jobs(translated(*models, config=config), of)
    berlin = (Schedule("Europe/Berlin", ("0 6 * * *",)),)
    scheduled = zip(made.jobs, (ZONES, berlin, ()), strict=True)
    made = replace(made, jobs=tuple(replace(job, schedules=each) for job, each in scheduled))
    assert_is_black(rendered(made)["models/shop/a/x.py"])
    defs = imported(made, "definitions").defs

    found = {name: defs.resolve_job_def(name) for name in of}
    keys = {
        name: {".".join(key.path) for key in job.asset_layer.executable_asset_keys}
        for name, job in found.items()
    }
    assert keys == {name: {*names} for name, names in of.items()}
    assert found["first"].tags["team"] == strange
    assert found["first"].tags["dagster/concurrency_key"] == config.pool
    assert found["second"].description == strange
    ticks = {each.name: (each.job_name, each.execution_timezone) for each in defs.schedules}
    assert ticks.pop("second_schedule") == ("second", "Europe/Berlin")
    assert ticks.pop("first_schedule") == ("first", "UTC")
    assert {job for job, _ in ticks.values()} == {"first"}
    assert len(ticks) == len(ZONES) - 1


def test_column_lineage(imported: Callable[[Package, str], Any]) -> None:
    names = ['a "quoted" name', "x" * 90, "größe", "plain"]
    upstream = model("shop.a.upstream", columns=tuple(map(Column, names)))
    reads = tuple((upstream.fqn, name) for name in names)
    columns = (
        *(Column(name, reads=reads[place:]) for place, name in enumerate(names)),
        Column("b"),
    )
    made = translated(upstream, model("shop.a.x", columns=columns, depends_on=(upstream.fqn,)))
    text = rendered(made)["models/shop/a/x.py"]
    assert_is_black(text)
    assert {*names} < constants(text)
    spec = imported(made, "models.shop.a.x").model.spec
    assert spec.metadata["dagster/column_lineage"] == dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(dg.AssetKey(["shop", "a", "upstream"]), each)
                for each in names[place:]
            ]
            for place, name in enumerate(names)
        }
    )
