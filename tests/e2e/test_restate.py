"""The job that restates: what it evaluates again, and that it writes nothing but intervals."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest
import yaml

from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import restating, test_stopping, workshop
from e2e.outcome import last_outcome
from e2e.restating import CHANGED, RESTATED, WEEK, restate
from e2e.shop import Shop, materialize, tick
from e2e.waiting import PATIENCE, wait_until
from e2e.workshop import FIRST_DAY

pytestmark = pytest.mark.dagster

BROKEN = """;
UPDATE src.orders SET customer = NULL WHERE customer = 1 AND ordered_on = '2026-03-02'
"""
TABLES = ("staging.orders", "marts.revenue", "marts.totals", "marts.recent", "marts.last_orders")


@pytest.fixture
def project(workplace: Path) -> Shop:
    return restating.make(workplace)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def rows(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted(workshop.query(shop, f"FROM {name}"), key=str) for name in TABLES}


def intervals(shop: Shop, name: str = "prod") -> dict[str, list[tuple[int, int]]]:
    """Return the intervals of an environment by model, as SQLMesh reads them."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    context = Context(paths=[str(shop.project)], load=False)
    try:
        environment = context.state_reader.get_environment(name)
        assert environment
        found = context.state_reader.get_snapshots(environment.snapshots).values()
        return {each.name: list(each.intervals) for each in found}
    finally:
        context.close()


def change(shop: Shop, name: str, old: str, new: str) -> None:
    file = shop.project / "models" / f"{name}.sql"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def in_dev(shop: Shop) -> SQLMeshResource:
    return SQLMeshResource(project_dir=str(shop.project), environment="dev")


def test_a_preview_writes_nothing(project: Shop, instance: dg.DagsterInstance) -> None:
    workshop.execute(project, CHANGED)
    before = rows(project), intervals(project), restating.state(project)

    outcome = restate(project, instance, "staging.orders")

    assert outcome.failure == ""
    assert outcome.materialized == []
    assert restating.preview_of(outcome, instance) == (
        """Preview: `preview: false` restates this.

| model | intervals | batches | rows so far | note |
| --- | --- | --- | --- | --- |
| shop.staging.orders | 2026-03-02, 2026-03-08 | 1 |  |  |
| shop.marts.last_orders | 2025-11-01, 2026-11-03 | 1 |  | """
        """INCREMENTAL_BY_UNIQUE_KEY is rebuilt as a whole |
| shop.marts.recent | 2025-11-01, 2026-11-03 | 1 |  | a view is replaced |
| shop.marts.revenue | 2026-03-02, 2026-03-08 | 1 |  |  |
| shop.marts.totals | 2025-11-01, 2026-11-03 | 1 |  | FULL is rebuilt as a whole |

Not restated:

- shop.marts.frozen: `disable_restatement` is set, or its kind implies it"""
    )
    assert (rows(project), intervals(project), restating.state(project)) == before


def test_exactly_the_week_differs_and_downstream_follows(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    before, held = rows(project), intervals(project)
    workshop.execute(project, CHANGED)

    outcome = restate(project, instance, "shop/staging/orders", preview=False)

    assert outcome.failure == ""
    assert set(outcome.materialized) == RESTATED
    assert ("staging.orders", "not_null") in outcome.passed
    after = rows(project)
    for name in ("staging.orders", "marts.revenue", "marts.recent"):
        changed = set(after[name]) ^ set(before[name])
        assert {str(row[0]) for row in changed} == {f"2026-03-{day:02}" for day in range(2, 9)}
    more = [(customer, int(str(total)) + 7) for customer, total in before["marts.totals"]]
    assert after["marts.totals"] == more
    assert [row[2] for row in after["marts.last_orders"]] == [
        total for _, total in after["marts.totals"]
    ]
    assert intervals(project) == held
    week = [["2026-03-02T00:00:00+00:00", "2026-03-09T00:00:00+00:00"]]
    assert outcome.metadata["staging.orders"]["sqlmesh/intervals"] == week


def test_the_tables_are_those_of_a_plan_of_sqlmesh(
    project: Shop, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    from sqlmesh import Context  # noqa: PLC0415

    workshop.execute(project, CHANGED)
    copied = tmp_path / "before.duckdb"
    shutil.copy(project.database, copied)
    restate(project, instance, "staging.orders", preview=False)
    ours, held = rows(project), intervals(project)

    shutil.copy(copied, project.database)
    context = Context(paths=[str(project.project)])
    context.plan(
        "prod",
        restate_models=["staging.orders"],
        start=WEEK[0],
        end=WEEK[1],
        execution_time="2026-11-04",
        auto_apply=True,
        no_prompts=True,
        skip_tests=True,
    )
    context.close()

    assert rows(project) == ours
    assert intervals(project) == held


def test_no_file_of_the_project_is_deployed(project: Shop, instance: dg.DagsterInstance) -> None:
    models = project.project / "models"
    text = (models / "revenue.sql").read_text(encoding="utf-8")
    (models / "revenue.sql").write_text(text.replace("SUM(amount)", "SUM(amount) + 1"), "utf-8")
    (models / "totals.sql").unlink()
    (models / "new.sql").write_text("MODEL (name marts.new); SELECT 1 AS one", "utf-8")
    (models / "broken.sql").write_text("MODEL (name marts.broken; SELECT", "utf-8")
    before, held, revenue = restating.state(project), intervals(project), rows(project)

    outcome = restate(project, instance, "staging.orders", preview=False)

    assert outcome.failure == ""
    assert set(outcome.materialized) == RESTATED
    assert restating.state(project) == before
    assert intervals(project) == held
    assert rows(project) == revenue


def test_nothing_is_due_or_reported_again_afterwards(project: Shop) -> None:
    at = datetime(2026, 11, 4, 1, tzinfo=UTC)
    with dg.instance_for_test() as instance:
        tick(project, at, instance)  # reports what the plan evaluated
        restate(project, instance, "staging.orders", preview=False)

        skipped = tick(project, at, instance)

        assert isinstance(skipped, dg.SkipReason)
        materialized = instance.fetch_materializations(
            dg.AssetKey(["shop", "staging", "orders"]), limit=10
        )
        assert len(materialized.records) == 2


def test_a_tick_skips_while_a_restatement_is_active(project: Shop) -> None:
    with dg.instance_for_test() as instance:
        job = project.definitions().defs.resolve_job_def("sqlmesh_restate_job")
        run = instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags=dict(job.tags)
        )

        skipped = tick(project, datetime(2026, 11, 4, 1, tzinfo=UTC), instance)

    assert isinstance(skipped, dg.SkipReason)
    assert str(skipped.skip_message).startswith(f"Another SQLMesh run is active: {run.run_id}")


def test_a_failed_model_leaves_its_intervals_to_the_next_run(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    held = intervals(project)
    workshop.execute(project, CHANGED + BROKEN)

    outcome = restate(project, instance, "staging.orders", preview=False)

    assert "shop.staging.orders" in outcome.failure
    assert ("staging.orders", "not_null") in outcome.failed
    assert outcome.status["marts.revenue"] == "skipped"
    orders = '"shop"."staging"."orders"'
    assert intervals(project)[orders] != held[orders]

    workshop.execute(project, "UPDATE src.orders SET customer = 1 WHERE customer IS NULL")
    again = restate(project, instance, "staging.orders", preview=False)
    assert again.failure == ""
    assert intervals(project) == held


def test_rows_that_earlier_runs_have_reported_are_in_the_preview(project: Shop) -> None:
    from dg_sqlmesh_codegen.runtime.dagster.earlier_rows import known_rows  # noqa: PLC0415

    key = dg.AssetKey(["shop", "staging", "orders"])
    with dg.instance_for_test() as instance:
        for day in range(2, 9):
            found = [[f"2026-03-0{day}T00:00:00+00:00", f"2026-03-{day + 1:02}T00:00:00+00:00"]]
            event = dg.AssetMaterialization(
                key, metadata={"sqlmesh/rows_processed": 3, "sqlmesh/intervals": found}
            )
            instance.report_runless_asset_event(event)
        outcome = restate(project, instance, "staging.orders")
        assert "| shop.staging.orders | 2026-03-02, 2026-03-08 | 1 | 21 |  |" in (
            restating.preview_of(outcome, instance)
        )
        first = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
        assert known_rows(instance, key, [(first, first + 3 * 24 * 60 * 60 * 1000)]) is None


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ("", {}, "Set `models` in the launchpad, such as `models: [marts.orders]`."),
        ("staging.orders", {"end": None}, "Set `end` in the launchpad, such as"),
        ("staging.orders", {"end": "2126-01-01"}, "The end '2126-01-01' is in the future. Use an"),
        (
            "staging.orders",
            {"start": "2024-01-01"},
            "The start '2024-01-01' is before that of shop.staging.orders. It starts at "
            "2025-11-01T00:00:00+00:00.",
        ),
        (
            "staging.orders",
            {"start": "2026-03-02 10:00:00"},
            "From '2026-03-02 10:00:00' to '2026-03-08' are no whole intervals of "
            "shop.staging.orders, whose interval is a day. Start and end where intervals do, such "
            "as [2026-03-02, 2026-03-08].",
        ),
        (
            "staging.orders",
            {"start": "2026-04-02"},
            "The start '2026-04-02' is after the end '2026-03-08'. Swap them.",
        ),
        ("staging.orders", {"start": "soon"}, "SQLMesh cannot parse 'soon' as a time. Use a date"),
        (
            "staging.order",
            {},
            "`models` selects no model: 'staging.order'. Did you mean staging.orders or",
        ),
        ("shop/staging/order", {}, "`models` names no asset of the package: 'shop/staging/order'."),
        ("(", {}, "SQLMesh cannot read '(' of `models`: Expected model name."),
        ("git:main", {}, "'git:main' of `models` reads the project's files, and a restatement"),
        (
            "marts.frozen",
            {},
            "Nothing can be restated: shop.marts.frozen (`disable_restatement` is set, or its kind "
            "implies it). Choose other models or times.",
        ),
    ],
)
def test_what_is_refused(
    project: Shop,
    instance: dg.DagsterInstance,
    models: str,
    options: dict[str, object],
    message: str,
) -> None:
    outcome = restate(project, instance, *filter(None, [models]), preview=False, **options)

    assert outcome.failure.startswith(message)
    assert "\n" not in outcome.failure
    assert outcome.materialized == []


def test_a_model_that_is_not_promoted_is_refused(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    file = project.package / "models/shop/marts/totals.py"
    text = file.read_text(encoding="utf-8").replace('."totals"', '."totals_new"')
    file.write_text(text, encoding="utf-8")

    outcome = restate(project, instance, "shop/marts/totals")

    assert outcome.failure.startswith(
        "Not promoted in the SQLMesh environment: shop.marts.totals_new. Run `sqlmesh -p"
    )


def test_the_launchpad_of_the_documentation(
    project: Shop, instance: dg.DagsterInstance, root: Path
) -> None:
    readme = (root / "src/dg_sqlmesh_codegen/runtime/README.md").read_text(encoding="utf-8")
    section = readme.partition("## Restatement")[2].partition("\n## ")[0]
    config = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    options = config["ops"]["sqlmesh_restate"]["config"]

    outcome = restate(project, instance, *options.pop("models"), **options)

    assert outcome.failure == ""
    assert "shop.marts.revenue" in restating.preview_of(outcome, instance)


def test_a_development_environment_restates_only_itself(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    change(project, "revenue", "SUM(amount)", "SUM(amount) + 1000")
    workshop.plan(project, environment="dev")
    dev = in_dev(project)
    before, held, prod = restating.state(project), intervals(project), rows(project)
    held_in_dev = intervals(project, "dev")
    workshop.execute(project, CHANGED)

    refused = restate(project, instance, "staging.orders", resource=dev, preview=False)
    restated = restate(project, instance, "marts.revenue", resource=dev, preview=False)

    assert "shop.staging.orders (prod shares its table)" in refused.failure
    assert "shop.marts.revenue (name it in `models`" in refused.failure
    assert restated.materialized == ["marts.revenue"]
    assert restated.metadata["marts.revenue"]["sqlmesh/environment"] == "dev"
    assert restated.metadata["marts.revenue"]["dagster/table_name"] == "shop.marts__dev.revenue"
    assert (restating.state(project), intervals(project), rows(project)) == (before, held, prod)
    assert intervals(project, "dev") == held_in_dev


def test_a_killed_restatement_of_a_development_environment_leaves_intervals_missing(
    project: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are in the state with the snapshot before a change of metadata."""
    from dg_sqlmesh_codegen.runtime.sqlmesh import compat_restate  # noqa: PLC0415

    change(project, "revenue", "SUM(amount)", "SUM(amount) + 1000")
    workshop.plan(project, environment="dev")
    change(project, "revenue", "MODEL (", "MODEL (description 'x', ")
    workshop.plan(project, environment="dev")
    held = intervals(project)
    monkeypatch.setattr(compat_restate, "evaluate", Mock(side_effect=RuntimeError("killed")))

    outcome = restate(project, instance, "marts.revenue", resource=in_dev(project), preview=False)

    assert "killed" in outcome.failure
    assert len(intervals(project, "dev")['"shop"."marts"."revenue"']) == 2
    assert intervals(project) == held


def test_a_development_environment_reads_a_forward_only_model_of_prod(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    orders = restating.FILES["models/orders.sql"]
    project = restating.make(
        workplace, {"models/orders.sql": orders.replace("batch_size 60", "forward_only true")}
    )
    change(project, "revenue", "SUM(amount)", "SUM(amount) + 1000")
    workshop.plan(project, environment="dev")
    held, prod = intervals(project), rows(project)

    restated = restate(project, instance, "marts.revenue", resource=in_dev(project), preview=False)

    assert restated.failure == ""
    assert restated.materialized == ["marts.revenue"]
    assert (intervals(project), rows(project)) == (held, prod)


def test_a_development_environment_leaves_the_tables_that_its_views_share_with_prod(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    """Downstream of a change that is not breaking, the views are those of prod's tables."""
    change(project, "orders", "customer, amount FROM", "customer, amount, 1 AS more FROM")
    workshop.plan(project, environment="dev")
    held, prod = intervals(project), rows(project)
    workshop.execute(project, CHANGED)

    restated = restate(project, instance, "staging.orders", resource=in_dev(project), preview=False)

    assert restated.materialized == ["staging.orders"]
    preview = restating.preview_of(restated, instance)
    assert "- shop.marts.revenue: prod shares its table" in preview
    assert (intervals(project), rows(project)) == (held, prod)


def test_prod_clears_the_intervals_of_other_versions(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    change(project, "revenue", "SUM(amount)", "SUM(amount) + 1000")
    workshop.plan(project, environment="dev")
    held = intervals(project)

    outcome = restate(project, instance, "staging.orders", preview=False)

    assert "so that no old data is promoted later: versions 1, environments dev." in (
        restating.preview_of(outcome, instance)
    )
    assert intervals(project) == held
    first, second = intervals(project, "dev")['"shop"."marts"."revenue"']
    week = [datetime(2026, 3, day, tzinfo=UTC).timestamp() * 1000 for day in (2, 9)]
    assert [first[1], second[0]] == week


def test_a_restatement_waits_for_what_is_missing_upstream(
    project: Shop, instance: dg.DagsterInstance
) -> None:
    workshop.execute(project, CHANGED + BROKEN)
    restate(project, instance, "staging.orders", preview=False)

    outcome = restate(project, instance, "marts.revenue", preview=False)

    assert outcome.failure == (
        "shop.marts.revenue reads shop.staging.orders, which has missing intervals: "
        "[2026-03-02, 2026-03-08]. Evaluate them first, in a run of the models."
    )


@pytest.mark.process
@pytest.mark.usefixtures("dagster_home")
def test_a_terminated_restatement(workplace: Path) -> None:
    shop = test_stopping.stuck(workplace, "query")
    assert main([str(shop.project), "-o", str(shop.package), "--set", "restate=true", "-q"]) == 0
    before = workshop.intervals(shop)
    options = {"models": ["work.first"], "start": FIRST_DAY, "end": FIRST_DAY, "preview": False}
    config = {"ops": {"sqlmesh_restate": {"config": options}}}
    (workplace / "run.yaml").write_text(json.dumps(config), encoding="utf-8")
    with workshop.job(shop, workplace / "run.yaml", "sqlmesh_restate_job") as process:
        wait_until((workplace / "begun").exists, "work.slow is evaluated")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)  # the query would take hours
    run, stopped = last_outcome()

    assert run.status is dg.DagsterRunStatus.FAILURE  # of a signal without a request to cancel
    assert stopped.materialized == ["work.first"], chr(10).join(stopped.messages)
    workshop.execute(shop, test_stopping.FEW)
    finished = materialize(shop, "2026-11-04")
    assert set(finished.materialized) == {"work.slow", "work.last"}
    assert workshop.intervals(shop).keys() == before.keys()
