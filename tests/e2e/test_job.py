"""The generated job in its own process: default executor, persistent instance."""

from __future__ import annotations

import json

import pytest

from e2e import workshop
from e2e.outcome import last_outcome
from e2e.shop import DUE, Shop, run_at
from e2e.waiting import PATIENCE

pytestmark = pytest.mark.process


@pytest.mark.usefixtures("dagster_home")
def test_a_job_is_one_sqlmesh_run(shop: Shop) -> None:
    config = shop.folder / "run.yaml"
    config.write_text(json.dumps(run_at("2026-11-06")), encoding="utf-8")
    with workshop.job(shop, config) as process:
        process.wait(PATIENCE)
    run, outcome = last_outcome()

    assert outcome.failure == ""
    assert sum("SQLMesh evaluates" in message for message in outcome.messages) == 1
    assert outcome.steps_started == 1
    assert set(outcome.materialized) == DUE
    assert outcome.failed == {}
    assert run.tags["dagster/concurrency_key"] == "sqlmesh_jobs_exclusive"
