"""Which limits prevent a second run, and why a tick skips."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.concurrency import exclusivity
from dg_sqlmesh_codegen.runtime.concurrency.exclusivity import POOL, TAG
from dg_sqlmesh_codegen.runtime.dagster import compat_limits
from dg_sqlmesh_codegen.runtime.dagster.compat_limits import Limits

ELSEWHERE = Limits("K8sRunLauncher", False, True, None, False, 10, None, POOL)
HERE = replace(ELSEWHERE, launcher="DefaultRunLauncher", launches_here=True)


def missing_limit(
    monkeypatch: pytest.MonkeyPatch,
    limits: Limits,
    *,
    executes_here: bool = True,
    queued: bool = True,
    tags: dict[str, str] | None = None,
) -> str | None:
    monkeypatch.setattr(compat_limits, "limits", lambda instance, pool, tag: limits)
    monkeypatch.setattr(compat_limits, "executor", lambda context: ("some_executor", executes_here))
    monkeypatch.setattr(compat_limits, "was_queued", lambda instance, run_id: queued)
    run = SimpleNamespace(tags=tags or {}, run_id="run-1")
    op = SimpleNamespace(pool=limits.pool_name)
    context: Any = SimpleNamespace(instance=None, run=run, op_def=op)
    return exclusivity.missing_limit(context)


@pytest.mark.parametrize(
    ("limits", "guards"),
    [
        (ELSEWHERE, False),
        (replace(ELSEWHERE, pool=1), True),
        (replace(ELSEWHERE, pool=2), False),
        (replace(ELSEWHERE, pool=1, pool_of_runs=True), True),
        (replace(ELSEWHERE, runs=1), True),
        (replace(ELSEWHERE, queue=False, runs=1), False),
        (replace(ELSEWHERE, queue=False, pool=1), True),
        (replace(ELSEWHERE, queue=False, pool=1, pool_of_runs=True), False),
        # A run that is launched from the asset graph does not have the tags of the job.
        (replace(ELSEWHERE, tagged_runs=1), False),
        (HERE, True),
    ],
)
def test_a_run_without_tags(monkeypatch: pytest.MonkeyPatch, limits: Limits, guards: bool) -> None:
    problem = missing_limit(monkeypatch, limits)

    assert (problem is None) == guards
    if problem:
        assert "K8sRunLauncher" in problem
        assert exclusivity.SNIPPET.format(pool=POOL) in problem


@pytest.mark.parametrize("pool", [POOL, "finance"])
def test_a_run_with_the_tag(monkeypatch: pytest.MonkeyPatch, pool: str) -> None:
    """Its value is the pool of the op."""
    limits, tags = replace(ELSEWHERE, pool_name=pool, tagged_runs=1), {TAG: pool}

    assert missing_limit(monkeypatch, limits, tags=tags) is None
    for limit in (2, None):
        problem = str(missing_limit(monkeypatch, replace(limits, tagged_runs=limit), tags=tags))
        assert f"Limit the pool {pool} to 1" in problem
        assert f"concurrency set {pool} 1" in problem
        assert (POOL in problem) == (pool == POOL)
    assert missing_limit(monkeypatch, limits, tags={TAG: "another"})
    # A run of `dagster job execute` has the tag, but does not go through the queue.
    assert missing_limit(monkeypatch, limits, tags=tags, queued=False)


def test_an_executor_that_may_run_steps_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "'some_executor'" in str(missing_limit(monkeypatch, HERE, executes_here=False))
    assert missing_limit(monkeypatch, replace(HERE, pool=1), executes_here=False) is None


@dg.executor(name="mine")
def custom_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("definition", "here"),
    [
        (dg.in_process_executor, True),
        (dg.multiprocess_executor, True),
        (dg.multiprocess_executor.configured({"max_concurrent": 2}, name="two"), True),
        (dg.multi_or_in_process_executor, True),
        (custom_executor, False),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_which_executors_run_steps_on_one_host(
    definition: dg.ExecutorDefinition, here: bool
) -> None:
    job = SimpleNamespace(executor_def=definition)
    context: Any = SimpleNamespace(get_step_execution_context=lambda: SimpleNamespace(job_def=job))

    assert compat_limits.executor(context) == (definition.name, here)


@pytest.mark.parametrize(
    ("tag", "limit"),
    [
        ({"key": TAG, "value": POOL}, 2),
        ({"key": TAG}, 2),
        ({"key": TAG, "value": {"applyLimitPerUniqueValue": True}}, 2),
        ({"key": TAG, "value": "another"}, None),
        ({"key": "another", "value": POOL}, None),
    ],
)
def test_the_limits_of_a_real_instance(tag: dict[str, object], limit: int | None) -> None:
    concurrency = {
        "pools": {"default_limit": 3, "granularity": "run"},
        "runs": {"max_concurrent_runs": 7, "tag_concurrency_limits": [{**tag, "limit": 2}]},
    }
    with dg.instance_for_test(overrides={"concurrency": concurrency}) as instance:
        before = compat_limits.limits(instance, POOL, TAG)
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        after = compat_limits.limits(instance, POOL, TAG)

    assert before == Limits(
        "DefaultRunLauncher",
        launches_here=True,
        queue=True,
        pool=3,
        pool_of_runs=True,
        runs=7,
        tagged_runs=limit,
        pool_name=POOL,
    )
    assert after.pool == 1


def test_the_skip_reason_tells_the_age_of_the_active_run() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    begun = now - timedelta(hours=3, minutes=5)
    for status, hint in [("STARTED", True), ("NOT_STARTED", True), ("QUEUED", False)]:
        run = SimpleNamespace(run_id="run-1", status=dg.DagsterRunStatus(status))
        record: Any = SimpleNamespace(
            dagster_run=run, start_time=begun.timestamp(), create_timestamp=begun
        )
        reason = exclusivity.skip_reason(record, now)

        assert reason.startswith(
            f"Another SQLMesh run is active: run-1 ({status.lower()} for 3 h 5 min)"
        )
        assert ("run_monitoring" in reason) == hint
