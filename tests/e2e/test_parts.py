"""Two packages of one project, as two code locations load them."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.runtime.doctor import doctor
from dg_sqlmesh_codegen.runtime.findings import Severity
from e2e.outcome import Outcome
from e2e.shop import DUE, TWO_DAYS_LATER, Shop, run_at

pytestmark = pytest.mark.dagster

MIDNIGHT = datetime(2026, 11, 6, tzinfo=UTC)


def generate(shop: Shop, name: str, *arguments: str) -> ModuleType:
    assert main([str(shop.project), "-o", f"{name}_defs", "--quiet", *arguments]) == 0
    return importlib.import_module(f"{name}_defs.definitions")


@pytest.fixture
def packages(shop: Shop) -> list[ModuleType]:
    return [
        generate(shop, "marts", "--select", "marts.*"),
        generate(shop, "others", "--exclude", "marts.*", "--set", "external_specs=true"),
    ]


def keys(module: ModuleType) -> set[dg.AssetKey]:
    return {model.spec.key for model in module.MODELS}


def deps(module: ModuleType) -> set[dg.AssetKey]:
    return {dep.asset_key for model in module.MODELS for dep in model.spec.deps}


def test_the_packages_of_one_project_connect(shop: Shop, packages: list[ModuleType]) -> None:
    marts, others = packages
    whole = {model.fqn: model for model in shop.definitions().MODELS}

    assert keys(marts) & keys(others) == set()
    assert deps(marts) - keys(marts) <= keys(others)
    assert deps(others) & keys(marts) == set()
    # Every model, check and edge of the whole package is in exactly one of them.
    assert sorted(model.fqn for part in packages for model in part.MODELS) == sorted(whole)
    for model in (*marts.MODELS, *others.MODELS):
        assert model == whole[model.fqn]
    crons = [each.defs.schedules[0].cron_schedule for each in packages]
    assert crons == [["0 * * * *", "30 6 * * *"], "*/5 * * * *"]
    # The models of the other package are no external tables.
    assert {model.fqn for model in others.EXTERNALS} & {*whole} == set()


def test_nothing_is_said_of_what_another_package_holds(
    shop: Shop, packages: list[ModuleType]
) -> None:
    module = packages[0]
    resources = module.defs.resources
    with dg.instance_for_test() as instance:
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=MIDNIGHT, resources=resources
        ) as context:
            request = module.sqlmesh_adaptive_schedule(context)
        result = dg.materialize(
            [module.sqlmesh_models],
            resources=resources,
            run_config=run_at(TWO_DAYS_LATER),
            instance=instance,
        )
        outcome = Outcome.of(instance, result.run_id)
        findings = doctor(module.MODELS, resources["sqlmesh"], None)

    asked = {".".join(key.path[1:]) for key in request.asset_selection}
    assert asked == {name for name in DUE if name.startswith("marts.")}
    # SQLMesh evaluates first what they read. The other package's next run or tick reports it.
    assert any("upstream of the selection: shop.staging" in each for each in outcome.messages)
    assert {*outcome.materialized} == asked
    assert not any("generated package" in message for message in outcome.messages)
    assert [each.what for each in findings if each.severity is not Severity.OK][1:] == []
    assert any("which holds a part of the project" in each.what for each in findings)


def test_the_sample_in_the_readme(shop: Shop, root: Path) -> None:
    readme = (root / "src/dg_sqlmesh_codegen/config/README.md").read_text(encoding="utf-8")
    section = readme.partition("## Parts of a project")[2]
    sample = section.partition("```toml\n")[2].partition("```")[0]
    (shop.folder / "pyproject.toml").write_text(sample, encoding="utf-8")

    module = generate(shop, "marts")

    jobs = {
        name: {
            key.path[-1]
            for key in module.defs.resolve_job_def(name).asset_layer.selected_asset_keys
        }
        for name in ("revenue", "customers")
    }
    assert jobs == {
        "revenue": {"daily_revenue", "monthly_revenue"},
        "customers": {"customers", "customer_segments"},
    }
    assert {key.path[-1] for key in keys(module)} == set().union(*jobs.values(), {"product_sales"})
    assert [each.name for each in module.defs.schedules] == [
        "revenue_schedule",
        "customers_schedule",
    ]
