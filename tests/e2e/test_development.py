"""Runs of a development environment: they evaluate what is its own, and leave prod as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource, doctor
from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import PLANNED_AT, TWO_DAYS_LATER, Shop, materialize, tick
from projects import model

pytestmark = pytest.mark.dagster

LATER = datetime(2026, 11, 6, tzinfo=UTC)
BY_TIME = "INCREMENTAL_BY_TIME_RANGE (time_column d)"
READ = "SELECT d, x FROM work.{} WHERE d BETWEEN @start_ds AND @end_ds"
CHANGED = "SELECT d, x + 1 AS x FROM work.{} WHERE d BETWEEN @start_ds AND @end_ds"
# a -> b -> c, and d beside b. Their changes are those of `b`.
FILES = {
    "models/a.sql": model("work.a", "SELECT @start_ds::DATE AS d, 1 AS x", kind=BY_TIME),
    "models/b.sql": model("work.b", READ.format("a"), kind=BY_TIME),
    "models/c.sql": model("work.c", READ.format("b"), kind=BY_TIME),
    "models/d.sql": model("work.d", "SELECT COUNT(*) AS n FROM work.a", kind="FULL"),
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def plan(shop: Shop, environment: str, at: str = PLANNED_AT, **options: object) -> None:
    sqlmesh(shop, "plan", environment, execution_time=at, **options)


def sqlmesh(shop: Shop, action: str, environment: str, **options: object) -> None:
    """Plan or run as people do outside of Dagster."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    applied = {"auto_apply": True, "no_prompts": True, "skip_tests": True}
    context = Context(paths=[str(shop.project)])
    try:
        getattr(context, action)(environment, **(applied if action == "plan" else {}), **options)
    finally:
        context.close()


def change(shop: Shop, name: str, query: str, kind: str = BY_TIME) -> None:
    text = model(f"work.{name}", query, kind=kind)
    (shop.project / "models" / f"{name}.sql").write_text(text, encoding="utf-8")


def state_of_prod(shop: Shop) -> list[object]:
    """Return prod's record, and the intervals of all versions that prod has."""
    versions = workshop.query(
        shop,
        "SELECT s.name, s.version FROM (SELECT unnest(from_json(snapshots, "
        """'[{"name": "VARCHAR", "version": "VARCHAR"}]')) AS s """
        "FROM sqlmesh._environments WHERE name = 'prod')",
    )
    assert len(versions) == len(FILES)
    intervals = workshop.query(
        shop, "SELECT name, version, * FROM sqlmesh._intervals WHERE NOT is_dev ORDER BY ALL"
    )
    return [
        workshop.query(shop, "FROM sqlmesh._environments WHERE name = 'prod'"),
        [row for row in intervals if row[:2] in versions],
        workshop.query(shop, "FROM work.a ORDER BY ALL"),
    ]


@pytest.fixture
def preview(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A project with prod, whose change of `b` is planned as `pr_1`: the package runs that."""
    shop = workshop.make(workplace, FILES)
    change(shop, "b", CHANGED.format("a"))
    plan(shop, "pr_1")
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "pr_1")
    return shop


def run_prod(shop: Shop, **options: object) -> None:
    sqlmesh(shop, "run", "prod", execution_time=TWO_DAYS_LATER, end=TWO_DAYS_LATER, **options)


def resource(shop: Shop, environment: str = "prod") -> SQLMeshResource:
    return SQLMeshResource(project_dir=str(shop.project), environment=environment)


def selected(request: dg.RunRequest | dg.SkipReason) -> set[str]:
    assert isinstance(request, dg.RunRequest), request
    return {".".join(key.path[1:]) for key in request.asset_selection or []}


def test_a_run_leaves_to_prod_what_is_prods(preview: Shop) -> None:
    before = state_of_prod(preview)
    outcome = materialize(preview)

    assert outcome.failure == ""
    assert outcome.materialized == []
    assert outcome.status == {
        "work.a": "runs in prod",
        "work.b": "waiting for prod",
        "work.c": "waiting for prod",
        "work.d": "runs in prod",
    }
    assert state_of_prod(preview) == before
    assert "These models are those of prod, and run in prod: db.work.a, db.work.d" in [
        message.replace(preview.database.stem, "db") for message in outcome.messages
    ]

    run_prod(preview)
    before = state_of_prod(preview)
    outcome = materialize(preview)

    assert outcome.failure == ""
    assert outcome.materialized == ["work.b", "work.c"]
    assert outcome.status == {
        "work.a": "runs in prod",
        "work.b": "evaluated",
        "work.c": "evaluated",
        "work.d": "runs in prod",
    }
    assert state_of_prod(preview) == before
    facts = outcome.metadata["work.b"]
    assert facts["dagster/table_name"] == f"{preview.database.stem}.work__pr_1.b"
    assert facts["sqlmesh/environment"] == "pr_1"
    assert workshop.query(preview, "SELECT DISTINCT x FROM work__pr_1.c") == [(2,)]
    assert workshop.query(preview, "SELECT DISTINCT x FROM work.c") == [(1,)]


@pytest.mark.parametrize("selection", ["work/a", "work/d"])
def test_a_run_of_nothing_but_prods_models_is_green(preview: Shop, selection: str) -> None:
    before = state_of_prod(preview)
    key = dg.AssetKey([preview.database.stem, *selection.split("/")])
    outcome = materialize(preview, selection=dg.AssetSelection.assets(key))

    assert outcome.failure == ""
    assert outcome.status == {selection.replace("/", "."): "runs in prod"}
    assert state_of_prod(preview) == before
    assert "No model is evaluated: all that are selected are left to prod." in outcome.messages


@pytest.mark.parametrize("upstream", ["ignore", "warn"])
def test_a_run_without_upstream_models_does_not_wait_for_prod(preview: Shop, upstream: str) -> None:
    before = state_of_prod(preview)
    outcome = materialize(preview, upstream=upstream)

    assert outcome.materialized == ["work.b", "work.c"]
    assert state_of_prod(preview) == before


def test_upstream_models_of_the_environment_are_evaluated_first(preview: Shop) -> None:
    run_prod(preview)
    key = dg.AssetKey([preview.database.stem, "work", "c"])
    outcome = materialize(preview, selection=dg.AssetSelection.assets(key))

    assert outcome.materialized == ["work.b", "work.c"]


def test_models_of_prod_that_nothing_waits_for_are_not_evaluated_first(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weekly `b` reads what prod has evaluated; days after that are due in prod."""
    shop = workshop.make(workplace, FILES)
    text = model(
        "work.b", CHANGED.format("a"), kind=BY_TIME, cron="'@weekly'", start="'2026-10-20'"
    )
    (shop.project / "models" / "b.sql").write_text(text, encoding="utf-8")
    plan(shop, "pr_1")
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "pr_1")
    sqlmesh(shop, "run", "prod", execution_time="2026-11-08", end="2026-11-08")
    before = state_of_prod(shop)

    outcome = materialize(shop, at="2026-11-10")

    assert outcome.materialized == ["work.b"]
    assert state_of_prod(shop) == before


def test_a_preview_of_a_forward_only_change_is_evaluated(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = workshop.make(workplace, FILES)
    change(shop, "b", CHANGED.format("a"))
    plan(shop, "pr_1", forward_only=True)
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "pr_1")
    run_prod(shop)
    before = state_of_prod(shop)

    assert materialize(shop).materialized == ["work.b", "work.c"]
    assert state_of_prod(shop) == before
    assert workshop.query(shop, "SELECT DISTINCT x FROM work__pr_1.c") == [(2,)]


def test_a_change_that_is_merged_is_prods(preview: Shop, instance: dg.DagsterInstance) -> None:
    assert isinstance(tick(preview, LATER, instance), dg.SkipReason)
    plan(preview, "prod")
    before = state_of_prod(preview)
    outcome = materialize(preview)

    assert set(outcome.status.values()) == {"runs in prod"}
    assert state_of_prod(preview) == before
    assert str(tick(preview, LATER, instance)) == str(dg.SkipReason("No model is due"))


def test_a_plan_during_a_run_can_make_a_model_prods(
    preview: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLMesh restarts the run with the selection of its first attempt."""
    from sqlmesh.core.scheduler import Scheduler  # noqa: PLC0415

    run_prod(preview, select_models=["work.a"])
    # The change of `b` is taken back, and one of `c` is planned.
    change(preview, "b", READ.format("a"))
    change(preview, "c", CHANGED.format("b"))
    original, planned = Scheduler.run_merged_intervals, list[str]()

    def plan_meanwhile(scheduler: Scheduler, *args: object, **options: object) -> object:
        if not planned:
            planned.append("pr_1")
            plan(preview, "pr_1")
        return original(scheduler, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Scheduler, "run_merged_intervals", plan_meanwhile)
    before = state_of_prod(preview)
    outcome = materialize(preview)

    assert planned == ["pr_1"]
    assert outcome.failure == ""
    assert outcome.materialized == []
    assert outcome.status["work.b"] == "runs in prod"
    assert outcome.status["work.c"] == "waiting for prod"
    assert state_of_prod(preview) == before


def test_a_tick_asks_for_what_a_run_evaluates(preview: Shop, instance: dg.DagsterInstance) -> None:
    waiting = tick(preview, LATER, instance)
    assert isinstance(waiting, dg.SkipReason)
    name = preview.database.stem
    assert waiting.skip_message == (
        f"These models wait for models that prod has not evaluated: {name}.work.b, {name}.work.c"
    )
    run_prod(preview)
    request = tick(preview, LATER, instance)
    assert selected(request) == {"work.b", "work.c"}
    assert isinstance(request, dg.RunRequest)
    assert request.tags["sqlmesh/environment"] == "pr_1"
    materialize(preview)
    assert isinstance(tick(preview, LATER, instance), dg.SkipReason)


def test_checks_alone_say_what_runs_in_prod(preview: Shop) -> None:
    selection = dg.AssetSelection.all_asset_checks()
    outcome = materialize(preview, selection=selection)
    assert outcome.status == {
        "work.a": "runs in prod",
        "work.b": "waiting for prod",
        "work.c": "waiting for prod",
        "work.d": "runs in prod",
    }


def test_without_prod_everything_is_evaluated(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = workshop.make(workplace, FILES)
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "dev")
    plan(shop, "dev", include_unmodified=True)
    workshop.execute(shop, "DELETE FROM sqlmesh._environments WHERE name = 'prod'")

    assert set(materialize(shop).materialized) == {"work.a", "work.b", "work.c", "work.d"}


def reports(instance: dg.DagsterInstance, name: str) -> list[object]:
    """Return the environments that have reported a model, the latest first."""
    (key,) = (key for key in instance.get_asset_keys() if key.path[-1] == name)
    found = instance.fetch_materializations(key, limit=100).records
    metadata = [each.asset_materialization.metadata for each in found if each.asset_materialization]
    values = [each.get("sqlmesh/environment") for each in metadata]
    return [value.value if value else "prod" for value in values]


def test_two_environments_report_to_one_instance_and_do_not_mix(
    preview: Shop, instance: dg.DagsterInstance
) -> None:
    planned_at = datetime(2026, 11, 4, tzinfo=UTC)

    def tick_both() -> None:
        for environment in ("pr_1", "prod"):
            of = {"sqlmesh": resource(preview, environment=environment)}
            with dg.build_schedule_context(
                instance=instance, scheduled_execution_time=planned_at, resources=of
            ) as context:
                preview.definitions().sqlmesh_adaptive_schedule(context)

    for _ in range(3):
        tick_both()
    assert reports(instance, "a") == reports(instance, "d") == ["prod"]
    assert reports(instance, "b") == reports(instance, "c") == ["prod", "pr_1"]


def test_a_tick_does_not_wait_for_a_run_of_another_environment(
    preview: Shop, instance: dg.DagsterInstance
) -> None:
    run_prod(preview)
    job = preview.definitions().defs.resolve_job_def("sqlmesh_job")

    def start(**tags: str) -> dg.DagsterRun:
        return instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)

    start(**{"sqlmesh/environment": "prod"})
    assert selected(tick(preview, LATER, instance)) == {"work.b", "work.c"}
    # A run that was launched by hand gets the tag when it starts: it can be of any environment.
    for active in (start(), start(**{"sqlmesh/environment": "pr_1"})):
        assert isinstance(tick(preview, LATER, instance), dg.SkipReason)
        instance.delete_run(active.run_id)


@pytest.mark.parametrize("is_removed", [False, True])
def test_an_environment_that_was_invalidated_is_one_line(
    preview: Shop, instance: dg.DagsterInstance, is_removed: bool
) -> None:
    from sqlmesh import Context  # noqa: PLC0415

    context = Context(paths=[str(preview.project)])
    context.invalidate_environment("pr_1", sync=is_removed)
    context.close()
    said = materialize(preview).failure
    command = f"Run `sqlmesh -p {preview.project} plan pr_1`"
    if is_removed:
        was = "was never planned, or it expired and the janitor removed it"
        assert said.startswith(f"The SQLMesh environment 'pr_1' {was}")
    else:
        was = "The SQLMesh environment 'pr_1' expired or was invalidated at "
        assert said.startswith(was)
        assert said.endswith(f" UTC. {command} to keep it.")
    assert "\n" not in said
    with pytest.raises(Exception, match="The SQLMesh environment 'pr_1'") as caught:
        tick(preview, LATER, instance)
    assert str(caught.value) == said
    sync = preview.definitions().defs.resolve_job_def("sqlmesh_sync_job")
    result = sync.execute_in_process(instance=instance, raise_on_error=False)
    assert Outcome.of(instance, result.run_id).failure == said
    found = doctor.doctor(preview.definitions().MODELS, resource(preview, environment="pr_1"), None)
    assert said in " ".join(map(str, found))
    plan(preview, "pr_1")
    assert materialize(preview, upstream="ignore").failure == ""
