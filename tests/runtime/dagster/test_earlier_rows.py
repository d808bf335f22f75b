"""The rows of intervals that earlier runs have reported are known exactly, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime.dagster.earlier_rows import known_rows

KEY = dg.AssetKey("orders")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


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


def test_an_interval_without_a_report_is_not_known(instance: dg.DagsterInstance) -> None:
    report(instance, 2, 4, 20)

    assert known_rows(instance, KEY, [(ms(2), ms(5))]) is None


def test_a_report_of_more_than_the_intervals_tells_nothing(instance: dg.DagsterInstance) -> None:
    report(instance, 1, 4, 20)

    assert known_rows(instance, KEY, [(ms(2), ms(4))]) is None


def test_a_report_without_a_number_tells_nothing(instance: dg.DagsterInstance) -> None:
    report(instance, 2, 4, 20)
    report(instance, 1, 31, None)  # of a plan

    assert known_rows(instance, KEY, [(ms(2), ms(4))]) is None


def test_only_runs_of_the_environment_count(instance: dg.DagsterInstance) -> None:
    report(instance, 2, 4, 20)

    assert known_rows(instance, KEY, [(ms(2), ms(4))], "dev") is None
