"""When the snapshot cache reads snapshots, and when only their intervals."""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlmesh.core.environment import Environment
from sqlmesh.core.snapshot import Snapshot

from dg_sqlmesh_codegen.runtime.run_target import Target
from dg_sqlmesh_codegen.runtime.sqlmesh import snapshot_cache

pytestmark = pytest.mark.sqlmesh

PROD, DEV, TEST = (Target(("/project",), name) for name in ("prod", "dev", "test"))


class State:
    """A state with one snapshot, and its cache. Counts reads of snapshots and of intervals."""

    def __init__(self) -> None:
        self.plan_id, self.cron = "plan-1", ""
        self.reads = self.refreshes = 0
        self.state_reader = self
        self.cache = snapshot_cache.SnapshotCache()

    def environment(self, context: object, target: Target) -> object:
        snapshots = [SimpleNamespace(snapshot_id="a")]
        return SimpleNamespace(plan_id=self.plan_id, finalized_ts=1, snapshots=snapshots)

    def snapshots(self, context: object, environment: object) -> dict[str, Any]:
        self.reads += 1
        model = SimpleNamespace(auto_restatement_cron=self.cron or None)
        return {"a": SimpleNamespace(is_model=True, model=model, pending_restatement_intervals=[1])}

    def refresh_snapshot_intervals(self, snapshots: list[Any]) -> None:
        self.refreshes += 1
        assert [each.pending_restatement_intervals for each in snapshots] == [[]]

    def read(self, *targets: Target) -> tuple[int, int]:
        context: Any = self
        for target in targets:
            self.cache.read(context, target)
        return self.reads, self.refreshes


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> State:
    made = State()
    monkeypatch.setattr(snapshot_cache, "read_environment", made.environment)
    monkeypatch.setattr(snapshot_cache, "read_snapshots", made.snapshots)
    return made


def test_snapshots_are_read_again_after_a_plan(state: State) -> None:
    assert state.read(PROD, PROD, PROD) == (1, 2)
    state.plan_id = "plan-2"
    assert state.read(PROD) == (2, 2)


def test_the_two_latest_targets_are_kept(state: State) -> None:
    assert state.read(PROD, DEV, PROD) == (2, 1)
    assert state.read(TEST, PROD, DEV) == (4, 2)  # `test` replaces `dev`


def test_models_with_an_auto_restatement_are_not_kept(state: State) -> None:
    state.cron = "@weekly"
    assert state.read(PROD, PROD) == (2, 0)
    assert "pending_restatement_intervals" in Snapshot.model_fields
    assert {"plan_id", "finalized_ts"} <= set(Environment.model_fields)
