"""Results that the op did not yield, or that Dagster did not store."""

import time
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.dagster import event_log

KEY = dg.AssetKey("a")
RESULT = dg.MaterializeResult[None](
    asset_key=KEY,
    metadata={"rows": 3},
    data_version=dg.DataVersion("v1"),
    check_results=[dg.AssetCheckResult(passed=True, asset_key=KEY, check_name=n) for n in "xy"],
)


def recorded(
    write: Callable[[dg.AssetExecutionContext], None],
) -> tuple[list[dg.AssetMaterialization], str]:
    """Run an op that writes events; return the materializations and the names of the checks."""

    @dg.multi_asset(
        specs=[dg.AssetSpec(KEY, skippable=True)],
        check_specs=[dg.AssetCheckSpec(name, asset=KEY) for name in "xy"],
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        write(context)
        yield from ()

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([models], instance=instance, raise_on_error=False)
        checks = [each.check_name for each in run.get_asset_check_evaluations()]
        return [*run.asset_materializations_for_node("models")], "".join(checks)


def test_a_result_is_written_with_its_version_and_checks() -> None:
    (written,), checks = recorded(lambda context: event_log.log_result(context, RESULT))

    assert (written.asset_key, written.metadata["rows"].value) == (KEY, 3)
    assert written.tags == {"dagster/data_version": "v1"}
    assert checks == "xy"


@pytest.mark.parametrize("stored", [None, "", "x", "xy"])
def test_only_missing_events_are_written(stored: str | None) -> None:
    """Dagster was stopped while it stored a result."""

    def write(context: dg.AssetExecutionContext) -> None:
        since = time.time()
        if stored is not None:
            context.log_event(dg.AssetMaterialization(KEY))
        for name in stored or "":
            context.log_event(dg.AssetCheckEvaluation(KEY, name, True))
        event_log.log_missing(context, RESULT, since)

    materialized, checks = recorded(write)
    assert (len(materialized), checks) == (1, "xy")


def test_events_of_an_earlier_attempt_do_not_count() -> None:
    def write(context: dg.AssetExecutionContext) -> None:
        check = dg.AssetCheckResult(passed=True, asset_key=KEY, check_name="x")
        context.log_event(dg.AssetCheckEvaluation(KEY, "x", True))
        event_log.log_missing(context, check, time.time() + 1)
        event_log.log_missing(context, check, 0)

    assert recorded(write) == ([], "xx")
