"""What plans and runs outside of Dagster evaluate is reported: exactly that, and once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.outcome import Outcome
from e2e.shop import Shop, materialize, tick
from projects import model

pytestmark = pytest.mark.dagster

# The plan's own time: nothing is due.
NOW = datetime(2026, 11, 4, tzinfo=UTC)
STATE = ("_snapshots", "_intervals", "_environments", "_auto_restatements")
SEED = {
    "seeds/countries.csv": "code,name\n1,Chile\n",
    "models/countries.sql": model(
        "work.countries", "", kind="SEED (path '../seeds/countries.csv')"
    ),
}
SIDE = 94
HUNDRED = {
    **SEED,
    "models/a.sql": model("work.a", "SELECT 1 AS x", kind="FULL"),
    "models/b.sql": model("work.b", "SELECT x FROM work.a", kind="VIEW"),
    "models/c.sql": model("work.c", "SELECT code, name FROM work.countries", kind="FULL"),
    "models/d.sql": model("work.d", "SELECT 1 AS y", kind="FULL"),
    "models/e.sql": model(
        "work.e",
        "SELECT @end_ds::DATE AS d",
        kind="INCREMENTAL_BY_TIME_RANGE (time_column d)",
    ),
    **{f"models/s{n}.sql": model(f"work.s{n}", kind="VIEW") for n in range(SIDE)},
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def materializations(instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """Return what evaluated each model, for each of its reports, the latest first."""
    found = {}
    for key in instance.get_asset_keys():
        records = instance.fetch_materializations(key, limit=100).records
        events = [record.asset_materialization for record in records]
        found[key.path[-1]] = [
            str(each.metadata["sqlmesh/evaluated_by"].value) if each else "" for each in events
        ]
    return {name: events for name, events in found.items() if events}


def change(shop: Shop, name: str, query: str, **properties: str) -> None:
    text = model(f"work.{name}", query, **properties)
    (shop.project / "models" / f"{name}.sql").write_text(text, encoding="utf-8")


def evaluated_since(shop: Shop, mark: int) -> set[str]:
    """Return the models whose intervals SQLMesh has written since, read from its own table."""
    rows = workshop.query(
        shop,
        f"SELECT DISTINCT name FROM sqlmesh._intervals WHERE created_ts > {mark} "  # noqa: S608
        "AND NOT is_removed",
    )
    return {str(name).split(".")[-1].strip('"') for (name,) in rows}


def latest_interval(shop: Shop) -> int:
    ((latest,),) = workshop.query(shop, "SELECT MAX(created_ts) FROM sqlmesh._intervals")
    return int(str(latest))


def sqlmesh(shop: Shop, action: str, **options: object) -> None:
    """Plan or run as people do outside of Dagster."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    context = Context(paths=[str(shop.project)])
    try:
        getattr(context, action)("prod", **options)
    finally:
        context.close()


def test_exactly_what_sqlmesh_evaluated_is_reported_once(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    shop = workshop.make(workplace, HUNDRED)
    names = {path.stem for path in (shop.project / "models").iterdir()}
    assert len(names) == 100

    def state() -> list[object]:
        return [workshop.query(shop, f"FROM sqlmesh.{table} ORDER BY ALL") for table in STATE]

    def reported() -> dict[str, str]:
        """Return what two ticks report, by model."""
        before, unchanged = materializations(instance), state()
        for _ in range(2):
            assert isinstance(tick(shop, NOW, instance), dg.SkipReason)
        assert state() == unchanged
        after = materializations(instance)
        new = {
            name: events[: len(events) - len(before.get(name, []))]
            for name, events in after.items()
        }
        assert all(len(events) <= 1 for events in new.values())
        return {name: events[0] for name, events in new.items() if events}

    # The first plan.
    assert reported() == dict.fromkeys(names, "plan")

    # A plan that changes three models. Nothing reads `d`; of `e` only the description is new.
    mark = latest_interval(shop)
    change(shop, "a", "SELECT 2 AS x", kind="FULL")
    change(shop, "d", "SELECT 1 AS y, 2 AS z", kind="FULL")
    incremental = "INCREMENTAL_BY_TIME_RANGE (time_column d)"
    change(shop, "e", "SELECT @end_ds::DATE AS d", kind=incremental, description="'Days'")
    workshop.plan(shop)
    assert evaluated_since(shop, mark) == {"a", "b", "d"}
    assert reported() == dict.fromkeys("abd", "plan")

    # A restatement writes the same intervals of the same versions.
    restate = {"restate_models": ["work.c"], "execution_time": "2026-11-04"}
    sqlmesh(shop, "plan", auto_apply=True, no_prompts=True, skip_tests=True, **restate)
    assert reported() == {"c": "plan or run"}

    # A changed seed.
    (shop.project / "seeds" / "countries.csv").write_text("code,name\n2,Peru\n", encoding="utf-8")
    workshop.plan(shop)
    assert reported() == {"countries": "plan", "c": "plan"}

    # A run outside, a day later.
    sqlmesh(shop, "run", execution_time="2026-11-05", select_models=["work.e"])
    assert reported() == {"e": "run"}


FAILING = {
    **SEED,
    "external_models.yaml": "- name: raw.days\n  columns: {d: date, n: int}\n",
    "models/days.sql": model(
        "work.days",
        "SELECT d::DATE AS d, n::INT AS n FROM raw.days WHERE d BETWEEN @start_date AND @end_date",
        kind="INCREMENTAL_BY_TIME_RANGE (time_column d, batch_size 1)",
        audits="(forall(criteria := (n > 0)))",
    ),
}
RAW = "CREATE SCHEMA raw; CREATE TABLE raw.days AS SELECT DATE '2026-11-03' AS d, 1 AS n"
BAD = "INSERT INTO raw.days VALUES ('2026-11-04', 1), ('2026-11-05', -1)"


def test_what_a_failed_run_left_is_reported_when_the_rest_is_there(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    """Whoever evaluates the rest, and however soon after the run."""
    shop = workshop.make(workplace, FAILING, sql=RAW)
    workshop.execute(shop, BAD)
    days = 'key:"shop/work/days"'
    failed = materialize(shop, selection=days, instance=instance)
    assert failed.status == {"work.days": "failed"}
    # The run does not select the seed; and the model waits until it is whole.
    assert failed.reported == {"work.countries": "plan"}
    skipped = tick(shop, datetime(2026, 11, 6, tzinfo=UTC), instance)
    assert isinstance(skipped, dg.SkipReason)  # the model waits for its next cron
    assert set(materializations(instance)) == {"countries"}

    workshop.execute(shop, "UPDATE raw.days SET n = 1")
    sqlmesh(shop, "run", execution_time="2026-11-06", select_models=["work.days"])
    tick(shop, datetime(2026, 11, 6, 0, 1, tzinfo=UTC), instance)
    assert materializations(instance) == {"countries": ["plan"], "days": ["run"]}


def with_report(shop: Shop) -> list[dg.AssetsDefinition]:
    """Return the package's assets and one that is not SQLMesh's, below the seed."""

    @dg.asset(deps=[["shop", "work", "countries"]])
    def report() -> None: ...

    return [shop.definitions().sqlmesh_models, report]


def test_a_run_right_after_a_plan_reports_it_and_goes_on(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    """Materialize on day one: nothing is due, and still the graph is green."""
    shop = workshop.make(workplace, FAILING, sql=RAW)
    resources = shop.definitions().defs.resources

    def run() -> tuple[Outcome, bool]:
        result = dg.materialize(
            with_report(shop), resources=resources, instance=instance, run_config=OPTIONS
        )
        events = instance.fetch_materializations(dg.AssetKey("report"), limit=1).records
        ran = bool(events) and events[0].event_log_entry.run_id == result.run_id
        return Outcome.of(instance, result.run_id), ran

    outcome, ran = run()
    assert outcome.reported == {"work.countries": "plan", "work.days": "plan"}
    assert ran
    assert "Reported evaluations that Dagster did not know: 2 models" in "\n".join(outcome.messages)
    outcome, ran = run()
    assert outcome.reported == {}
    assert not ran


OPTIONS = {
    "ops": {"sqlmesh_models": {"config": {"execution_time": "2026-11-04", "end": "2026-11-04"}}}
}


def test_it_can_be_turned_off_and_done_by_hand(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    shop = workshop.make(workplace, {**SEED, "models/a.sql": model("work.a", kind="FULL")})
    definitions = shop.package / "definitions.py"
    text = definitions.read_text(encoding="utf-8")
    definitions.write_text(text.replace("project_dir=", "report_plans=False, project_dir="))

    tick(shop, NOW, instance)
    assert materialize(shop, "2026-11-04", instance=instance).reported == {}
    assert materializations(instance) == {}

    job = shop.definitions().defs.resolve_job_def("sqlmesh_sync_job")
    for events in (["plan"], ["plan"]):
        assert job.execute_in_process(instance=instance).success
        assert materializations(instance) == {"a": events, "countries": events}


def test_ticks_at_one_time_report_once(workplace: Path, instance: dg.DagsterInstance) -> None:
    """As a code server evaluates the schedules of two time zones: in threads."""
    shop = workshop.make(workplace, FAILING, sql=RAW)
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(tick, shop, NOW, instance) for _ in range(4)]:
            each.result()

    assert materializations(instance) == {"countries": ["plan"], "days": ["plan"]}
