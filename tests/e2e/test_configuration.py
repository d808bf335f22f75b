"""What is configured is what a real Dagster finds in the generated package."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from projects import model, write_project

pytestmark = pytest.mark.process

Load = Callable[[str], ModuleType]
STAGED = dg.AssetKey(["warehouse", "shop", "stg_orders"])
MART = dg.AssetKey(["warehouse", "shop", "mart_revenue"])
ORDERS = dg.AssetKey(["warehouse", "raw", "orders"])
CUSTOMERS = dg.AssetKey(["jaffle_db", "main", "raw_source_customers"])
FILES = {
    "models/stg_orders.sql": model(
        "shop.stg_orders", "SELECT id::INT AS id FROM raw.orders", kind="FULL", cron="'@hourly'"
    ),
    "models/mart_revenue.sql": model(
        "shop.mart_revenue",
        "SELECT o.id FROM shop.stg_orders AS o, jaffle_db.main.raw_source_customers AS c",
        owner="finance",
        tags="(tagged, 'dagster:gruop_name:x', 'dagster:group_name:a', 'dagster:group_name:b')",
    ),
    "external_models.yaml": """
        - name: warehouse.raw.orders
          description: As the shop writes them
          columns: {id: int}
    """,
}
TABLE = "[tool.dg_sqlmesh_codegen]\n"
COMPONENT = "type: dg_sqlmesh_codegen.SQLMeshProjectComponent\nattributes:\n"
TRANSLATORS = '''
import dagster as dg
from dg_sqlmesh_codegen import SQLMeshTranslator


class Jaffle(SQLMeshTranslator):
    """Source tables of the database jaffle_db are assets of something else."""

    def get_external_asset_key(self, external_fqn):
        database, schema, table = (part.strip('"') for part in external_fqn.split("."))
        if database == "jaffle_db":
            return dg.AssetKey(["target", schema, table])
        return super().get_external_asset_key(external_fqn)


class Layers(SQLMeshTranslator):
    """A model's prefix is its group."""

    def get_group_name(self, context, model):
        if model.view_name.startswith("stg_"):
            return "staging"
        if model.view_name.startswith("mart_"):
            return "marts"
        return super().get_group_name(context, model)
'''
_numbers = itertools.count()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a SQLMesh project in `shop`, which is the working directory."""
    (tmp_path / ".git").mkdir()
    write_project(tmp_path / "shop", FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports the definitions of a generated package, each time anew."""
    monkeypatch.syspath_prepend(str(folder))
    # A module that is written twice in a second, with one length, would be read from its cache.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    renamed: list[str] = []

    def load(out: str) -> ModuleType:
        # A link keeps relative paths as they are, and gives the package a name of its own.
        name = f"configured_{next(_numbers)}"
        (folder / name).symlink_to(folder / out)
        renamed.append(name)
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.definitions")

    yield load
    for name in [name for name in sys.modules if name.split(".")[0] in renamed]:
        del sys.modules[name]


def resource(module: ModuleType) -> dict[str, object]:
    """Return the fields of the resource, but for the path."""
    fields = module.defs.resources["sqlmesh"].model_dump()
    names = ("gateway", "config_name", "environment", "concurrent_tasks", "other_project_dirs")
    return {name: fields[name] for name in names if fields[name]}


def project_dir(module: ModuleType) -> Path:
    return Path(module.defs.resources["sqlmesh"].project_dir)


def schedules(module: ModuleType) -> dict[str, str]:
    """Return the schedules' status by name."""
    repository = module.defs.get_repository_def()
    return {each.name: each.default_status.value for each in repository.schedule_defs}


def test_without_configuration(
    folder: Path, load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["shop", "-o", "defs"]) == 0

    # Strange tags are in the summary.
    said = capsys.readouterr().err
    assert (
        "model warehouse.shop.mart_revenue: unknown property in tag 'dagster:gruop_name:x'. "
        "Did you mean dagster:group_name:...?"
    ) in said
    assert "several tags dagster:group_name:..., the first one counts: 'a'" in said

    module = load("defs")
    assert resource(module) == {"environment": "prod"}
    assert project_dir(module) == folder / "shop"
    assert schedules(module) == {"sqlmesh_adaptive_schedule": "STOPPED"}
    assert dict(module.sqlmesh_models.op.tags) == {}
    assert module.sqlmesh_models.op.retry_policy is None
    graph = module.defs.resolve_asset_graph()
    assert {key: graph.get(key).group_name for key in (STAGED, MART)} == {
        STAGED: "sqlmesh",
        MART: "a",
    }
    assert {tag for tag in graph.get(MART).tags if "kind" not in tag} == {"tagged"}
    assert not graph.get(ORDERS).is_materializable

    # Whatever else writes the table has its key, and is upstream.
    @dg.asset(key=[*ORDERS.path])
    def orders() -> None: ...

    both = dg.Definitions.merge(module.defs, dg.Definitions(assets=[orders]))
    assert both.resolve_asset_graph().get(STAGED).parent_keys == {ORDERS}
    assert both.resolve_asset_graph().get(ORDERS).is_materializable

    # One package serves several deployments.
    monkeypatch.setenv("DG_SQLMESH_PROJECT_DIR", "/elsewhere/shop")
    monkeypatch.setenv("DG_SQLMESH_GATEWAY", "other")
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "dev")
    elsewhere = load("defs")
    assert resource(elsewhere) == {"environment": "dev", "gateway": "other"}
    assert project_dir(elsewhere) == Path("/elsewhere/shop")

    # A variable that is set and empty, as deployments leave them behind, says nothing.
    for name in ("PROJECT_DIR", "GATEWAY", "ENVIRONMENT"):
        monkeypatch.setenv(f"DG_SQLMESH_{name}", "")
    assert resource(load("defs")) == {"environment": "prod"}
    assert load("defs").defs.resources["sqlmesh"].gateway is None


EVERYTHING = """
projects = "shop"
out = "generated"
gateway = "local"
environment = "dev"
default_catalogs = "warehouse"
concurrent_tasks = 2
group_name = "configured/all"
op_tags = { team = "data", "dagster-k8s/config" = { cpu = 2 } }
owners = ["ana@shop.example", "team:data"]
retry_policy = { max_retries = 3, delay = 1.5, backoff = "EXPONENTIAL", jitter = "PLUS_MINUS" }
schedule_name = "every_hour"
schedule_status = "RUNNING"
external_asset_mapping = "source/{node.schema}/{{ node.name | upper }}"
metadata_keys = ["cron"]
external_specs = true
"""


def test_everything_in_pyproject(
    folder: Path, load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyproject.toml").write_text(f"{TABLE}{EVERYTHING}", encoding="utf-8")

    # From a folder below, in a process: no word is needed.
    (folder / "below").mkdir()
    command = [sys.executable, "-m", "dg_sqlmesh_codegen"]
    done = subprocess.run(
        command, cwd=folder / "below", capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr

    module = load("generated")
    assert resource(module) == {"gateway": "local", "environment": "dev", "concurrent_tasks": 2}
    assert project_dir(module) == folder / "shop"
    assert schedules(module) == {"every_hour": "RUNNING"}
    assert dict(module.sqlmesh_models.op.tags) == {
        "team": "data",
        "dagster-k8s/config": '{"cpu": 2}',
    }
    assert module.sqlmesh_models.op.retry_policy == dg.RetryPolicy(
        max_retries=3, delay=1.5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    )
    graph = module.defs.resolve_asset_graph()
    source = dg.AssetKey(["source", "raw", "ORDERS"])
    assert graph.get(STAGED).group_name == "configured/all"
    assert graph.get(STAGED).parent_keys == {source}
    assert [*graph.get(STAGED).owners] == ["ana@shop.example", "team:data"]
    assert [*graph.get(MART).owners] == ["team:finance", "ana@shop.example", "team:data"]
    assert {key for key in graph.get(STAGED).metadata if key.startswith("sqlmesh/")} == {
        "sqlmesh/cron"
    }
    # External tables as assets of their own.
    assert graph.get(source).description == "As the shop writes them"
    columns = graph.get(source).metadata["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == [("id", "INT")]
    assert graph.get(source).metadata["dagster/table_name"] == "warehouse.raw.orders"
    assert dg.AssetKey(["source", "main", "RAW_SOURCE_CUSTOMERS"]) in graph.external_asset_keys

    # The environment still wins over what is configured.
    monkeypatch.setenv("DG_SQLMESH_GATEWAY", "other")
    assert resource(load("generated"))["gateway"] == "other"

    # What --show-config prints is the same configuration.
    capsys.readouterr()
    assert main(["--show-config"]) == 0
    printed = capsys.readouterr().out
    assert 'group_name = "configured/all"' in printed
    assert printed.count("# pyproject.toml [tool.dg_sqlmesh_codegen]") == 15
    (folder / "pyproject.toml").write_text(f"{TABLE}{printed}", encoding="utf-8")
    assert main(["--check", "-q"]) == 0


def test_flags_beat_defs_yaml_beats_pyproject(
    folder: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKS", "3")
    monkeypatch.delenv("STATUS", raising=False)
    (folder / "pyproject.toml").write_text(
        f'{TABLE}environment = "from_pyproject"\nconcurrent_tasks = 9\ngroup_name = "pyproject"\n'
        'schedule_name = "from_pyproject"\nenable_schedule = false\nout = "defs"\n[tool.dg]\n',
        encoding="utf-8",
    )
    (folder / "defs").mkdir()
    (folder / "defs" / "defs.yaml").write_text(
        f"""{COMPONENT}
  sqlmesh_config:
    project_path: "{{{{ project_root }}}}/shop"
    environment: from_defs
    gateway: local
  concurrency_jobs_limit: "{{{{ env.TASKS }}}}"
  default_group_name: defs
  enable_schedule: true
  schedule_status: "{{{{ env('STATUS', 'STOPPED') }}}}"
  external_asset_mapping: "target/{{{{ node.schema }}}}/{{node.name}}"
template_vars_module: .variables
post_processing: {{assets: [{{target: "*"}}]}}
""",
        encoding="utf-8",
    )

    assert main(["-q", "--environment", "typed", "--set", "group_name=typed"]) == 0

    module = load("defs")
    assert resource(module) == {"environment": "typed", "gateway": "local", "concurrent_tasks": 3}
    assert project_dir(module) == folder / "shop"
    assert schedules(module) == {"from_pyproject": "STOPPED"}
    graph = module.defs.resolve_asset_graph()
    assert graph.get(STAGED).group_name == "typed"
    assert graph.get(STAGED).parent_keys == {dg.AssetKey(["target", "raw", "orders"])}

    # Without the words it is the file that counts; without its key, the other file.
    assert main(["-q"]) == 0
    again = load("defs")
    assert resource(again)["environment"] == "from_defs"
    assert again.defs.resolve_asset_graph().get(STAGED).group_name == "defs"


def test_no_schedule(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shop", "-o", "defs", "--set", "enable_schedule=false"]) == 0
    assert "schedule  none: enable_schedule is false" in capsys.readouterr().err

    assert schedules(load("defs")) == {}


def test_the_two_translators_of_dg_sqlmesh(
    folder: Path, load: Load, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "shop_translators", raising=False)
    (folder / "shop_translators.py").write_text(TRANSLATORS, encoding="utf-8")

    assert main(["shop", "-o", "defs", "--set", "translator=shop_translators:Jaffle"]) == 0
    graph = load("defs").defs.resolve_asset_graph()
    mapped = dg.AssetKey(["target", "main", "raw_source_customers"])
    assert graph.get(MART).parent_keys == {STAGED, mapped}
    assert graph.get(STAGED).parent_keys == {ORDERS}

    (folder / "pyproject.toml").write_text(
        f'{TABLE}projects = "shop"\nout = "defs"\ntranslator = "shop_translators:Layers"\n'
        'external_asset_mapping = "x/{node.name}"\n',
        encoding="utf-8",
    )
    # The model's tag wins over the translator.
    text = FILES["models/mart_revenue.sql"].replace("dagster:group_name", "dagster:kind")
    (folder / "shop" / "models" / "mart_revenue.sql").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main([]) == 0
    assert "external_asset_mapping is not used" not in capsys.readouterr().err
    graph = load("defs").defs.resolve_asset_graph()
    assert {key: graph.get(key).group_name for key in (STAGED, MART)} == {
        STAGED: "staging",
        MART: "marts",
    }
    # It names no external tables itself.
    assert graph.get(MART).parent_keys == {STAGED, dg.AssetKey(["x", "raw_source_customers"])}
    # The translator is needed to generate, not to run.
    assert "shop_translators" not in "".join(
        path.read_text(encoding="utf-8") for path in (folder / "defs").rglob("*.py")
    )
    monkeypatch.delitem(sys.modules, "shop_translators")


def test_a_wrong_configuration_is_told_before_sqlmesh_is_loaded(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shop" / "config.yaml").unlink()  # SQLMesh would complain of it

    for wrong in ("external_asset_mapping={{ node.name", "translator=nowhere:Layers"):
        assert main(["shop", "-o", "defs", "--set", wrong]) == 2
        said = capsys.readouterr().err
        assert f"error: command line: --set {wrong.partition('=')[0]}" in said
        assert "Loading" not in said
