"""What an upgrade of Dagster can break: its private API, used on real instances."""

import os
import signal
from collections.abc import Iterator, Set

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.concurrency.exclusivity import active_runs, planned_assets
from dg_sqlmesh_codegen.runtime.dagster import compat, compat_limits

A, B = dg.AssetKey("a"), dg.AssetKey("b")


@dg.multi_asset(specs=[dg.AssetSpec(A, skippable=True), dg.AssetSpec(B, skippable=True)])
def models() -> Iterator[dg.MaterializeResult[None]]:
    yield from ()


JOB = dg.Definitions([models], jobs=[dg.define_asset_job("j", [models])]).resolve_job_def("j")


def test_the_assets_of_a_whole_job_are_in_its_plan() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.SUCCESS)
        assert active_runs(instance, [A], "prod") == []
        run = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED)
        (record,) = active_runs(instance, [B], "prod")

        assert run.asset_selection is None
        assert compat.planned_asset_keys(instance, run) == {A, B}
        assert record is not None
        assert record.dagster_run.run_id == run.run_id
        assert active_runs(instance, [dg.AssetKey("other")], "prod") == []
        checks = dg.DagsterRun("j", asset_check_selection={dg.AssetCheckKey(B, "positive")})
        assert planned_assets(instance, checks) == {B}


@pytest.mark.process
def test_a_run_that_no_queue_started() -> None:
    with dg.instance_for_test() as instance:
        run_id = JOB.execute_in_process(instance=instance).run_id

        assert compat_limits.last_heartbeat(instance) is None
        assert not compat_limits.was_queued(instance, run_id)


def test_a_stopped_op_is_not_retried() -> None:
    attempts = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
    def stopped() -> None:
        attempts.append(1)
        raise compat.StoppedError("stopped")

    @dg.job
    def stopped_job() -> None:
        stopped()

    assert not stopped_job.execute_in_process(raise_on_error=False).success
    assert attempts == [1]


def test_a_deferred_interrupt_does_not_interrupt() -> None:
    with compat.deferred_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        finished = True

    assert finished


@pytest.mark.parametrize("hidden", [False, True])
def test_outputs_that_a_step_omits_are_not_logged(hidden: bool) -> None:
    @dg.multi_asset(
        specs=[dg.AssetSpec("a", skippable=True)],
        check_specs=[dg.AssetCheckSpec("c", asset="a")],
        can_subset=True,
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        if hidden:
            compat.hide_omitted_outputs(context)
        context.log.info("our own")
        yield from ()

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([models], instance=instance)
        logged = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert "our own" in logged
    assert any("did not yield" in message for message in logged) is not hidden


def test_nested_groups_and_many_kinds_where_dagster_has_them() -> None:
    """An older Dagster refuses them. It gets the nearest that it takes."""
    spec = dg.AssetSpec("a", tags={"x": "y"}, group_name="other")
    kinds = {"duckdb", "python", "sqlmesh", "table"}
    extended = compat.extended(spec, "marts/finance", kinds)
    (new_groups, new_kinds) = (accepts(group_name="a/b"), accepts(kinds=kinds))

    assert extended.group_name == ("marts/finance" if new_groups else "marts_finance")
    assert extended.kinds == (kinds if new_kinds else kinds - {"table"})
    assert extended.tags["x"] == "y"
    assert compat.extended(spec, None, frozenset()) is spec


def test_an_older_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_attributes = dg.AssetSpec.replace_attributes

    def older(spec: dg.AssetSpec, group_name: str = "g", kinds: Set[str] = frozenset()) -> object:
        if "/" in group_name or len(kinds) > 3:
            raise dg.DagsterInvalidDefinitionError("refused")
        return replace_attributes(spec, group_name=group_name, kinds={*kinds})

    monkeypatch.setattr(dg.AssetSpec, "replace_attributes", older)
    assert compat.extended(dg.AssetSpec("a"), "a/b/c", frozenset()).group_name == "a_b_c"
    assert compat.extended(dg.AssetSpec("a"), None, {*"dbca"}).kinds == {*"abc"}


def accepts(group_name: str | None = None, kinds: Set[str] = frozenset()) -> bool:
    try:
        dg.AssetSpec("a", group_name=group_name, kinds={*kinds})
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


@pytest.mark.parametrize("scope", [{"context": "x", "project_root": "/p"}, {"env": "x"}])
def test_templates_keep_the_names_that_dagster_gives_them(scope: dict[str, str]) -> None:
    context = dg.ResolutionContext.default().with_scope(**scope)

    assert compat.with_root(context) is context


def test_templates_know_the_root_of_the_project_in_dagster_1_12_0() -> None:
    older = dg.ResolutionContext.default().with_scope(project_root="/p")

    assert compat.with_root(older).resolve_value("{{ context.project_root }}/shop") == "/p/shop"
