"""The rows of intervals that earlier runs have reported are known exactly, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.dagster.earlier_rows import known_rows

KEY = dg.AssetKey("orders")


def ms(day: int) -> int:
    return round(datetime(2026, 3, day, tzinfo=UTC).timestamp() * 1000)


def report(instance: dg.DagsterInstance, first: int, until: int, rows: int | None) -> None:
    times = [[datetime(2026, 3, day, tzinfo=UTC).isoformat() for day in (first, until)]]
    event = dg.AssetMaterialization(KEY, metadata={"sqlmesh/intervals": times})
    if rows is not None:
        event = event.with_metadata({**event.metadata, "sqlmesh/rows_processed": rows})
    instance.report_runless_asset_event(event)


def test_the_latest_report_of_each_interval_counts(instance: dg.DagsterInstance) -> None:
    report(instance, 1, 2, 5)
    report(instance, 2, 4, 20)
    report(instance, 9, 10, 100)
    report(instance, 2, 4, 30)

    assert known_rows(instance, KEY, [(ms(2), ms(4))]) == 30


@pytest.mark.parametrize(
    ("reports", "until", "environment"),
    [
        ([(2, 4, 20)], 5, None),  # nothing is reported of the fourth
        ([(1, 4, 20)], 4, None),  # one report is of more than the intervals
        ([(2, 4, 20), (1, 31, None)], 4, None),  # the latest one is of a plan, without a number
        ([(2, 4, 20)], 4, "dev"),  # the report is prod's
    ],
)
def test_rows_that_are_not_known(
    instance: dg.DagsterInstance,
    reports: list[tuple[int, int, int | None]],
    until: int,
    environment: str | None,
) -> None:
    for each in reports:
        report(instance, *each)

    assert known_rows(instance, KEY, [(ms(2), ms(until))], environment) is None
