"""Which models may evaluate their last interval again, and which interval that is."""

from __future__ import annotations

from itertools import chain
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from sqlmesh.core.node import IntervalUnit

from dg_sqlmesh_codegen.runtime.run_target import Evaluation
from dg_sqlmesh_codegen.runtime.sqlmesh import compat, last_intervals
from dg_sqlmesh_codegen.runtime.sqlmesh.promoted import PromotedEnvironment

pytestmark = pytest.mark.sqlmesh

DAY = 86_400_000


def snapshot(kind: str = "FULL", **options: object) -> Mock:
    """Return a snapshot with ten days, in place of SQLMesh's own: DuckDB has no `when_matched`."""
    made = Mock(parents=[], is_model=True, intervals=[(0, 10 * DAY)])
    made.name = "a"
    made.model.depends_on_self = options.get("depends_on_self", False)
    made.model.disable_restatement = options.get("disable_restatement", False)
    made.model.kind = SimpleNamespace(
        name=SimpleNamespace(value=kind), when_matched=options.get("when_matched")
    )
    made.node.interval_unit = options.get("interval_unit", IntervalUnit.DAY)
    return made


def removed(
    monkeypatch: pytest.MonkeyPatch, each: Mock, environment: str = "prod", *missing: str
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(compat, "missing_intervals", lambda *_: dict.fromkeys(missing, ()))
    monkeypatch.setattr(
        compat, "remove_intervals", lambda _, given: found.extend(chain(*given.values()))
    )
    named: Any = SimpleNamespace(name=environment)
    promoted = PromotedEnvironment(named, {"a": each})
    last_intervals.remove(Mock(promoted=promoted, evaluation=Evaluation(frozenset({"a"}))))
    return found


def test_the_last_interval_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert removed(monkeypatch, snapshot()) == [(9 * DAY, 10 * DAY)]
    hourly = snapshot(interval_unit=IntervalUnit.HOUR)
    assert removed(monkeypatch, hourly) == [(10 * DAY - DAY // 24, 10 * DAY)]


def test_nothing_is_removed_where_an_interval_is_missing_or_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert removed(monkeypatch, snapshot(), "prod", "a") == []
    assert removed(monkeypatch, snapshot(), "dev") == []


@pytest.mark.parametrize(
    "each",
    [
        snapshot("INCREMENTAL_UNMANAGED"),
        snapshot("SCD_TYPE_2_BY_TIME"),
        snapshot("CUSTOM"),
        snapshot("INCREMENTAL_BY_TIME_RANGE", depends_on_self=True),
        snapshot("INCREMENTAL_BY_UNIQUE_KEY", when_matched="WHEN MATCHED THEN ..."),
        snapshot("INCREMENTAL_BY_PARTITION", disable_restatement=True),
    ],
)
def test_models_that_a_second_evaluation_would_change(
    monkeypatch: pytest.MonkeyPatch, each: Mock
) -> None:
    assert removed(monkeypatch, each) == []
