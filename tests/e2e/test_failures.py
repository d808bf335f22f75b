"""Failures that may pass: what a retry re-runs, and where a run's notifier must not be lost."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import SQLMeshResource
from e2e.outcome import Outcome
from e2e.shop import DUE, Shop, materialize, run_at

pytestmark = pytest.mark.dagster

# Fails while the file is there, and takes it away: the first attempt fails, the second does not.
FLAKY = """
    flaky = Path("{flag}")
    if flaky.exists():
        flaky.unlink()
        raise ConnectionError("the warehouse went away")
"""


def make_segments_flaky(shop: Shop, flag: Path) -> None:
    """Promote a version of the example's python model that fails once."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    path = shop.project / "models" / "marts" / "customer_segments.py"
    text = path.read_text(encoding="utf-8")
    body = text.index("\n", text.index("-> pd.DataFrame:"))
    source = f"from pathlib import Path\n{text[:body]}{FLAKY.format(flag=flag)}{text[body:]}"
    path.write_text(source, encoding="utf-8")
    context = Context(paths=[str(shop.project)])
    try:
        context.plan("prod", auto_apply=True, no_prompts=True, execution_time="2026-11-04")
    finally:
        context.close()
    flag.touch()


def test_a_retry_runs_only_what_is_missing(shop: Shop, tmp_path: Path) -> None:
    make_segments_flaky(shop, tmp_path / "flaky")
    definitions = shop.package / "definitions.py"
    text = definitions.read_text(encoding="utf-8")
    policy = "retry_policy=dg.RetryPolicy(max_retries=1),\n    can_subset=True"
    definitions.write_text(text.replace("can_subset=True", policy), encoding="utf-8")
    module = shop.definitions()
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [module.sqlmesh_models],
            resources=module.defs.resources,
            run_config=run_at("2026-11-06", ignore_cron=True),
            raise_on_error=False,
            instance=instance,
        )
        assert result.success
        outcome = Outcome.of(result.all_events)
        retries = [
            event
            for event in result.all_events
            if event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY
        ]

    assert len(retries) == 1
    # The first attempt did everything else; the second found just the one model missing.
    assert set(outcome.materialized) == DUE | {"marts.customer_segments"}
    assert outcome.materialized.count("marts.customer_segments") == 1
    assert len(outcome.materialized) == len(DUE) + 1


def test_without_a_retry_the_error_is_said_and_the_rest_is_kept(shop: Shop, tmp_path: Path) -> None:
    make_segments_flaky(shop, tmp_path / "flaky")
    outcome = materialize(shop, run_at("2026-11-06", ignore_cron=True))

    assert "shop.marts.customer_segments" in outcome.failure
    assert "the warehouse went away" in outcome.failure
    assert set(outcome.materialized) == DUE
    assert outcome.status["marts.customer_segments"] == "failed"
    assert not {asset for asset, _ in outcome.passed} & {"marts.customer_segments"}


def test_several_models_at_a_time(shop: Shop) -> None:
    resource = SQLMeshResource(project_dir=str(shop.project), concurrent_tasks=4)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [shop.definitions().sqlmesh_models],
            resources={"sqlmesh": resource},
            run_config=run_at("2026-11-06"),
            raise_on_error=False,
            instance=instance,
        )
        outcome = Outcome.of(result.all_events)

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
    outcome = materialize(shop, run_at("2026-11-06"))

    assert ("staging.order_items", "assert_at_least") in outcome.failed
    warned = ("staging.customers", "not_null_non_blocking")
    assert warned in outcome.failed
    assert outcome.check_metadata[warned]["sqlmesh/count"] == 4
