"""Failures that may pass: what a retry re-runs, and where a run's notifier must not be lost."""

from __future__ import annotations

import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e import workshop
from e2e.shop import DUE, Shop, materialize

pytestmark = pytest.mark.dagster

# Fails while the file is there, and takes it away: the first attempt fails, the second does not.
FLAKY = """
    flaky = Path("flaky")
    if flaky.exists():
        flaky.unlink()
        raise ConnectionError("the warehouse went away")
"""


def make_segments_flaky(shop: Shop) -> None:
    """Promote a version of the example's Python model that fails once."""
    path = shop.project / "models" / "marts" / "customer_segments.py"
    text = path.read_text(encoding="utf-8")
    body = text.index("\n", text.index("-> pd.DataFrame:"))
    source = f"from pathlib import Path\n{text[:body]}{FLAKY}{text[body:]}"
    path.write_text(source, encoding="utf-8")
    workshop.plan(shop)
    (shop.folder / "flaky").touch()


def test_a_retry_runs_only_what_is_missing(shop: Shop) -> None:
    make_segments_flaky(shop)
    workshop.retry_once(shop)
    outcome = materialize(shop, ignore_cron=True)

    assert outcome.failure == ""
    assert outcome.retries == 1
    # The first attempt did everything else; the second found just the one model missing.
    assert set(outcome.materialized) == DUE | {"marts.customer_segments"}
    assert len(outcome.materialized) == len(DUE) + 1


def test_without_a_retry_the_error_is_said_and_the_rest_is_kept(shop: Shop) -> None:
    make_segments_flaky(shop)
    outcome = materialize(shop, ignore_cron=True)

    assert "shop.marts.customer_segments" in outcome.failure
    assert "the warehouse went away" in outcome.failure
    assert set(outcome.materialized) == DUE
    assert outcome.status["marts.customer_segments"] == "failed"
    assert not {asset for asset, _ in outcome.passed} & {"marts.customer_segments"}


def test_several_models_at_a_time(shop: Shop) -> None:
    resource = SQLMeshResource(project_dir=str(shop.project), concurrent_tasks=4)
    outcome = materialize(shop, resource=resource)

    assert outcome.failure == ""
    assert set(outcome.materialized) == DUE
    assert len(outcome.materialized) == len(DUE)


def test_failed_audits_are_heard_where_the_project_has_a_username(shop: Shop) -> None:
    """With `username` SQLMesh notifies that user's targets and no others."""
    config = shop.project / "config.yaml"
    text = config.read_text(encoding="utf-8")
    # And it tells the owner of a model: here the same user, who must not count twice.
    users = "username: data@shop.example\nusers:\n  - username: data@shop.example\n"
    config.write_text(f"{text}\n{users}", encoding="utf-8")
    shop.load_sources("--break")
    outcome = materialize(shop)

    assert ("staging.order_items", "assert_at_least") in outcome.failed
    warned = ("staging.customers", "not_null_non_blocking")
    assert warned in outcome.failed
    assert outcome.check_metadata[warned]["sqlmesh/count"] == 4
