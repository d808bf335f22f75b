"""What is configured is what a real Dagster finds in the generated package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from e2e.shop import run
from projects import model, write_project

pytestmark = pytest.mark.process

STAGED = dg.AssetKey(["warehouse", "shop", "stg_orders"])
MART = dg.AssetKey(["warehouse", "shop", "mart_revenue"])
ORDERS = dg.AssetKey(["warehouse", "raw", "orders"])
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
TRANSLATOR = """
from dg_sqlmesh_codegen import SQLMeshTranslator

class Layers(SQLMeshTranslator):
    def get_group_name(self, context, model):
        return "staging" if model.view_name.startswith("stg_") else "marts"
"""


@pytest.fixture
def folder(workplace: Path) -> Path:
    """A repository with a SQLMesh project in `shop`, which is the working directory."""
    (workplace / ".git").mkdir()
    write_project(workplace / "shop", FILES)
    return workplace


def load(out: str) -> ModuleType:
    """Import the definitions of a generated package, each time anew."""
    importlib.invalidate_caches()
    return importlib.reload(importlib.import_module(f"{out}.definitions"))


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
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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
out = "all_defs"
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
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyproject.toml").write_text(f"{TABLE}{EVERYTHING}", encoding="utf-8")

    # From a folder below, in a process: no word is needed.
    (folder / "below").mkdir()
    run([sys.executable, "-m", "dg_sqlmesh_codegen"], folder / "below")

    module = load("all_defs")
    assert resource(module) == {"gateway": "local", "environment": "dev", "concurrent_tasks": 2}
    assert project_dir(module) == folder / "shop"
    assert schedules(module) == {"every_hour": "RUNNING"}
    assert "dagster/table_name" not in module.defs.resolve_asset_graph().get(MART).metadata
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

    # In another environment the schedule does not start by itself.
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "pr_1")
    assert schedules(load("all_defs")) == {"every_hour": "STOPPED"}
    monkeypatch.setenv("DG_SQLMESH_SCHEDULE_STATUS", "RUNNING")
    assert schedules(load("all_defs")) == {"every_hour": "RUNNING"}
    monkeypatch.delenv("DG_SQLMESH_ENVIRONMENT")

    # The environment still wins over what is configured.
    monkeypatch.setenv("DG_SQLMESH_GATEWAY", "other")
    assert resource(load("all_defs"))["gateway"] == "other"

    # What --show-config prints is the same configuration.
    capsys.readouterr()
    assert main(["--show-config"]) == 0
    printed = capsys.readouterr().out
    assert 'group_name = "configured/all"' in printed
    assert printed.count("# pyproject.toml [tool.dg_sqlmesh_codegen]") == 15
    (folder / "pyproject.toml").write_text(f"{TABLE}{printed}", encoding="utf-8")
    assert main(["--check", "-q"]) == 0


def test_a_translator_is_needed_to_generate_and_not_to_run(folder: Path) -> None:
    (folder / "shop_translators.py").write_text(TRANSLATOR, encoding="utf-8")
    sets = ["--set", "translator=shop_translators:Layers", "--set", "enable_schedule=false"]
    command = [sys.executable, "-m", "dg_sqlmesh_codegen", "shop", "-o", "translated_defs", *sets]
    said = run(command, folder).stderr
    (folder / "shop_translators.py").unlink()

    module = load("translated_defs")
    graph = module.defs.resolve_asset_graph()
    assert graph.get(STAGED).group_name == "staging"
    assert graph.get(MART).group_name == "a"  # the model's tag wins over the translator
    assert schedules(module) == {}
    assert "schedule  none: enable_schedule is false" in said


def test_a_wrong_configuration_is_told_before_sqlmesh_is_loaded(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "shop" / "config.yaml").unlink()  # SQLMesh would complain of it

    for wrong in ("external_asset_mapping={{ node.name", "translator=nowhere:Layers"):
        assert main(["shop", "-o", "defs", "--set", wrong]) == 2
        said = capsys.readouterr().err
        assert f"error: command line: --set {wrong.partition('=')[0]}" in said
        assert "Loading" not in said
