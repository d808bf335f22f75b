"""Ticks where clocks change, and after this host's clock has jumped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from dagster._utils.schedules import schedule_execution_time_iterator
from sqlmesh.core.dialect import parse
from sqlmesh.core.environment import Environment
from sqlmesh.core.model import load_sql_based_model
from sqlmesh.core.snapshot import Snapshot, SnapshotChangeCategory

from dg_sqlmesh_codegen.runtime.sqlmesh import due_models
from dg_sqlmesh_codegen.runtime.sqlmesh.promoted import PromotedEnvironment

pytestmark = pytest.mark.sqlmesh

DAY = timedelta(days=1)


class Model:
    """A model whose intervals are in memory."""

    def __init__(self, cron: str, timezone: str, start: datetime) -> None:
        self.start = start.date().isoformat()
        head = f"name a, kind FULL, start '{self.start}', cron '{cron}', cron_tz '{timezone}'"
        model = load_sql_based_model(parse(f"MODEL ({head}); SELECT 1 AS x"))
        self.snapshot = Snapshot.from_node(model, nodes={})
        self.snapshot.categorize_as(SnapshotChangeCategory.BREAKING)

    def is_due(self, at: datetime) -> bool:
        """Return what a tick finds in the state."""
        environment = Environment(
            name="prod", snapshots=[], start_at="2026-01-01", plan_id="1", finalized_ts=0
        )
        promoted = PromotedEnvironment(environment, {self.snapshot.name: self.snapshot})
        return bool(due_models.due_at(promoted, at).models)

    def evaluate(self, at: datetime) -> None:
        """Add the intervals that a run at that time evaluates."""
        for start, end in self.snapshot.missing_intervals(self.start, at, execution_time=at):
            self.snapshot.add_interval(start, end)


@pytest.mark.parametrize(
    ("timezone", "change"),
    [
        *(("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25")),
        *(("America/New_York", "2026-03-08"), ("America/New_York", "2026-11-01")),
    ],
)
@pytest.mark.parametrize("cron", ["30 2 * * *", "15 1 * * *", "0 3 * * 0", "0 */6 * * *"])
def test_nothing_becomes_due_between_two_ticks(cron: str, timezone: str, change: str) -> None:
    """In these nights 02:30 or 01:15 does not exist, or exists twice."""
    changed = datetime.fromisoformat(change).replace(tzinfo=UTC)
    model = Model(cron, timezone, changed - 12 * DAY)
    model.evaluate(changed - 2 * DAY)
    begin = (changed - 2 * DAY).timestamp()
    found = schedule_execution_time_iterator(begin, [cron], timezone)
    for tick in takewhile(lambda each: each < changed + 3 * DAY, found):
        at = tick.astimezone(UTC)
        # In an hour that exists twice, Dagster ticks in the second one, and SQLMesh in both.
        is_repeated = at.astimezone(ZoneInfo(timezone)).fold
        assert is_repeated or not model.is_due(at - timedelta(minutes=1)), at
        model.evaluate(at)
    assert not model.is_due(at)
    assert model.is_due(at + 8 * DAY)


def test_a_clock_that_jumps() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    model = Model("0 0 * * *", "UTC", start)
    ahead = start + 9 * DAY
    model.evaluate(ahead)  # a run while the clock was ahead

    assert not model.is_due(start + DAY)
    assert not model.is_due(ahead)
    # Dagster makes up for the ticks that a jump has passed over. One of them does all the work.
    assert model.is_due(ahead + 2 * DAY)
    model.evaluate(ahead + 2 * DAY)
    assert not model.is_due(ahead + DAY)
