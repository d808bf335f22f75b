"""When the snapshot cache reads snapshots, and when only their intervals."""

from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from sqlmesh.core.environment import Environment
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.utils.cron import CroniterCache

from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.runtime.sqlmesh import compat, due_models

pytestmark = pytest.mark.sqlmesh

TARGET = Target(("/project",), "prod")


def planned(plan_id: str) -> Mock:
    ids = [SimpleNamespace(snapshot_id="a")]
    return Mock(plan_id=plan_id, finalized_ts=1, snapshots=ids)


class State:
    """A state with one snapshot, and its cache."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.environment = planned("plan-1")
        self.snapshot = Mock(pending_restatement_intervals=[1])
        self.snapshot.model.auto_restatement_cron = None
        self.read_snapshots = Mock(return_value={"a": self.snapshot})
        self.context = Mock()
        monkeypatch.setattr(due_models, "read_snapshots", self.read_snapshots)
        monkeypatch.setattr(due_models, "_CACHE", {})

    def read(self, times: int) -> tuple[int, int]:
        """Return how often snapshots, and only their intervals, were read so far."""
        for _ in range(times):
            due_models.read_cached(self.context, TARGET, self.environment)
        refresh = self.context.state_reader.refresh_snapshot_intervals
        return self.read_snapshots.call_count, refresh.call_count


def test_snapshots_are_read_again_after_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(monkeypatch)

    assert state.read(3) == (1, 2)
    assert state.snapshot.pending_restatement_intervals == []
    state.environment = planned("plan-2")
    assert state.read(1) == (2, 2)
    assert "pending_restatement_intervals" in Snapshot.model_fields
    assert {"plan_id", "finalized_ts"} <= set(Environment.model_fields)


def test_models_with_an_auto_restatement_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(monkeypatch)
    state.snapshot.model.auto_restatement_cron = "@weekly"

    assert state.read(2) == (2, 0)


@pytest.mark.parametrize(("hour", "since"), [(11, 0), (12, 12), (13, 12)])
def test_a_model_is_due_since_its_restatement(
    hour: int, since: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime(2026, 11, 6, tzinfo=UTC)
    snapshot = Mock()
    snapshot.node.cron_floor.return_value = midnight
    snapshot.model.auto_restatement_croniter = partial(CroniterCache, "0 12 * * *")
    monkeypatch.setattr(compat, "altered_ms", lambda *_: 0)

    due = due_models._due(snapshot, Mock(finalized_ts=0), midnight + timedelta(hours=hour))

    assert due.since == (midnight + timedelta(hours=since)).timestamp()
