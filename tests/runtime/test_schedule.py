"""Ticks of the schedule, with a list of due models in place of SQLMesh."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import schedule
from dg_sqlmesh_codegen.runtime import sqlmesh as host
from dg_sqlmesh_codegen.runtime.errors import SetupError, StateBusyError
from dg_sqlmesh_codegen.runtime.records import AuditCheck, ModelAsset
from dg_sqlmesh_codegen.runtime.run_target import Target

AT, NEXT = datetime(2026, 11, 6, tzinfo=UTC), datetime(2026, 11, 7, tzinfo=UTC)
TARGET = Target(("/project",), "prod")
STANDALONE = AuditCheck("assert_a", {}, dg.AssetCheckSpec("assert_a", asset="a"), standalone=True)
MODELS = [
    ModelAsset('"a"', dg.AssetSpec("a"), (STANDALONE,)),
    ModelAsset('"b"', dg.AssetSpec("b"), (AuditCheck("n", {}, dg.AssetCheckSpec("n", asset="b")),)),
]
Tick = Callable[..., dg.RunRequest | dg.SkipReason]


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def tick(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Return a function that evaluates a tick at which these models are due."""

    def evaluate(
        *fqns: str, next_due: datetime | None = None, error: Exception | None = None
    ) -> dg.RunRequest | dg.SkipReason:
        def read(target: Target, execution_time: datetime) -> object:
            assert (target, execution_time) == (TARGET, AT)
            if error:
                raise error
            return SimpleNamespace(fqns=frozenset(fqns), next_due=next_due)

        # `from .sqlmesh import due_models` finds this attribute and does not import the module.
        replaced = SimpleNamespace(read_due_models=read)
        monkeypatch.setattr(host, "due_models", replaced, raising=False)
        context = dg.build_schedule_context(instance, scheduled_execution_time=AT)
        return schedule.tick(context, TARGET, MODELS)

    return evaluate


@pytest.mark.parametrize(
    ("due", "assets", "checks"),
    [
        (['"b"', '"new"'], ["b"], None),  # Dagster adds the checks of the assets
        (['"b"', "assert_a"], ["b"], ["n", "sqlmesh_execution_status", "assert_a"]),
        (["assert_a"], [], ["assert_a"]),
    ],
)
def test_what_is_due_is_requested(
    tick: Tick, due: list[str], assets: list[str], checks: list[str] | None
) -> None:
    request = tick(*due)

    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey(name) for name in assets]
    keys = request.asset_check_keys
    assert (None if keys is None else [key.name for key in keys]) == checks


def test_why_a_tick_skips(instance: dg.DagsterInstance, tick: Tick) -> None:
    def reason(*fqns: str, **answer: object) -> str:
        skipped = tick(*fqns, **answer)
        assert isinstance(skipped, dg.SkipReason)
        return str(skipped.skip_message)

    assert reason() == "No model is due"
    assert reason(next_due=NEXT) == "No model is due; the next one is at 2026-11-07T00:00+00:00"
    assert reason('"new"').startswith(
        "Nothing that is due can run. Promoted, but not in the generated package: 1 model (new). "
    )
    busy = StateBusyError("run 7")
    assert reason('"a"', error=busy) == "Another process is using SQLMesh's state: run 7"

    @dg.asset
    def a() -> None: ...

    job = dg.Definitions([a], jobs=[dg.define_asset_job("j", [a])]).resolve_job_def("j")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert f"Another SQLMesh run is active: {run.run_id} (started" in reason('"b"')
    instance.delete_run(run.run_id)


def test_a_tick_fails_if_the_project_is_not_ready(tick: Tick) -> None:
    with pytest.raises(SetupError, match="never planned"):
        tick(error=SetupError("never planned"))
