"""Which due models a tick does not request again, and what clears that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from dg_sqlmesh_codegen.runtime.dagster.run_log import ENVIRONMENT_TAG
from dg_sqlmesh_codegen.runtime.due import Due, DueModels
from dg_sqlmesh_codegen.runtime.events import ModelFailed
from dg_sqlmesh_codegen.runtime.held_back import held_back, reason
from dg_sqlmesh_codegen.runtime.records import ModelAsset
from dg_sqlmesh_codegen.runtime.results import checks, failures
from dg_sqlmesh_codegen.runtime.results.progress import ModelErrors, RunState

MODEL = ModelAsset('"a"', dg.AssetSpec("a"))
BEFORE, LATER = 1.0, 4_000_000_000.0


def run(
    instance: dg.DagsterInstance, *, failed: str = "", status: str = "", environment: str = "prod"
) -> str:
    """Run a step that fails with a failed model, or reports a status of the model, or crashes."""

    spec = dg.AssetSpec("a", skippable=True)

    @dg.multi_asset(specs=[spec], check_specs=[MODEL.status_check])
    def step() -> Iterator[dg.AssetCheckResult]:
        if status:
            yield checks.status(MODEL, True, status, {})
        elif failed:
            error = ModelErrors([ModelFailed(failed, "no", "no")])
            raise failures.of_step(RunState(failed={failed: error}), None) or AssertionError
        else:
            raise RuntimeError("killed")

    tags = {ENVIRONMENT_TAG: environment}
    return dg.materialize([step], instance=instance, tags=tags, raise_on_error=False).run_id


def held(instance: dg.DagsterInstance, due: Due, model: ModelAsset = MODEL) -> dict[str, str]:
    return held_back(instance, "prod", DueModels({'"a"': due}), [model])


def test_a_model_that_failed_is_held_back(instance: dg.DagsterInstance) -> None:
    assert held_back(instance, "prod", DueModels({}), [MODEL]) == {}
    assert held(instance, Due(BEFORE)) == {}
    run(instance)  # a run that crashed says nothing of the model
    run(instance, failed='"b"')
    run(instance, failed='"a"', environment="staging")
    assert held(instance, Due(BEFORE)) == {}

    run_id = run(instance, failed='"a"')
    assert held(instance, Due(BEFORE)) == {'"a"': run_id}
    run_id = run(instance, failed='"a"')  # the latest one is named
    assert held(instance, Due(BEFORE), MODEL.without_status_check()) == {'"a"': run_id}
    assert held(instance, Due(since=LATER)) == {}  # its own cron, or a plan
    assert held(instance, Due(BEFORE, altered=LATER)) == {}  # an evaluation since


def test_a_model_that_waited_for_its_signals_is_held_back(instance: dg.DagsterInstance) -> None:
    waits = Due(BEFORE, has_signals=True)
    assert held(instance, waits) == {}
    run_id = run(instance, status="waiting for its signals")

    assert held(instance, waits) == {'"a"': run_id}
    run(instance, status="due")  # the check alone
    assert held(instance, waits) == {'"a"': run_id}
    assert held(instance, replace(waits, since=LATER)) == {}
    assert held(instance, Due(BEFORE)) == {}  # the promoted version has no signals any more
    run(instance)  # a later run did not come so far
    assert held(instance, waits) == {}
    run(instance, status="waiting for its signals")
    run(instance, status="evaluated")
    assert held(instance, waits) == {}


def test_everything_downstream_waits_too(instance: dg.DagsterInstance) -> None:
    run_id = run(instance, failed='"a"')
    due = DueModels(
        dict.fromkeys(('"a"', '"c"', '"d"'), Due(BEFORE)),
        parents={'"b"': ['"a"'], '"c"': ['"b"', '"d"'], '"d"': ['"external"'], '"a"': []},
    )
    found = held_back(instance, "prod", due, [MODEL])

    assert found == {'"a"': run_id, '"c"': run_id}  # through `b`, which is not due
    assert f"at the next tick of their own cron: a, c (run {run_id}). " in reason(found)
