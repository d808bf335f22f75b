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

PROD, DEV, TEST = (Target(("/project",), name) for name in ("prod", "dev", "test"))


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
        self.context, self.cache = Mock(), due_models.SnapshotCache()
        self.context.state_reader.get_environment.return_value = None
        monkeypatch.setattr(due_models, "read_snapshots", self.read_snapshots)

    def read(self, *targets: Target) -> tuple[int, int]:
        """Return how often snapshots, and only their intervals, were read so far."""
        for target in targets:
            self.cache.read(self.context, target, self.environment)
        refresh = self.context.state_reader.refresh_snapshot_intervals
        return self.read_snapshots.call_count, refresh.call_count


def test_snapshots_are_read_again_after_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(monkeypatch)

    assert state.read(PROD, PROD, PROD) == (1, 2)
    assert state.snapshot.pending_restatement_intervals == []
    state.environment = planned("plan-2")
    assert state.read(PROD) == (2, 2)
    assert "pending_restatement_intervals" in Snapshot.model_fields
    assert {"plan_id", "finalized_ts"} <= set(Environment.model_fields)


def test_the_two_latest_targets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(monkeypatch)

    assert state.read(PROD, DEV, PROD) == (2, 1)
    assert state.read(TEST, PROD, DEV) == (4, 2)  # `test` replaces `dev`


def test_models_with_an_auto_restatement_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(monkeypatch)
    state.snapshot.model.auto_restatement_cron = "@weekly"

    assert state.read(PROD, PROD) == (2, 0)


@pytest.mark.parametrize(("hour", "since"), [(11, 0), (12, 12), (13, 12)])
def test_a_model_is_due_since_its_restatement(
    hour: int, since: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime(2026, 11, 6, tzinfo=UTC)
    snapshot = Mock()
    snapshot.node.cron_floor.return_value = midnight
    snapshot.model.auto_restatement_croniter = partial(CroniterCache, "0 12 * * *")
    monkeypatch.setattr(compat, "altered_ms", lambda *_: 0)

    due = due_models._due(snapshot, PROD, midnight + timedelta(hours=hour), planned=0)

    assert due.since == (midnight + timedelta(hours=since)).timestamp()
