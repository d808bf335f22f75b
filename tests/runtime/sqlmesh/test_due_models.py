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


@pytest.mark.parametrize(("cron", "reads"), [(None, (1, 2)), ("@weekly", (3, 0))])
def test_snapshots_are_kept_unless_runs_write_more_of_them_than_intervals(
    cron: str | None, reads: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = Mock(plan_id="1", finalized_ts=1, snapshots=[SimpleNamespace(snapshot_id="a")])
    snapshot = Mock(pending_restatement_intervals=[1])
    snapshot.model.auto_restatement_cron = cron
    context, read_snapshots = Mock(), Mock(return_value={"a": snapshot})
    monkeypatch.setattr(due_models, "read_snapshots", read_snapshots)
    monkeypatch.setattr(due_models, "_CACHE", {})

    for _ in range(3):
        due_models.read_cached(context, Target(("/project",), "prod"), environment)

    refresh = context.state_reader.refresh_snapshot_intervals
    assert (read_snapshots.call_count, refresh.call_count) == reads
    assert snapshot.pending_restatement_intervals == ([1] if cron else [])
    assert "pending_restatement_intervals" in Snapshot.model_fields
    assert {"plan_id", "finalized_ts"} <= set(Environment.model_fields)


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
