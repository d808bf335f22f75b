"""The schedule does not request in every tick what failed or waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.shop import materialize, tick
from projects import model

pytestmark = pytest.mark.dagster

SIGNAL = """
from pathlib import Path
from sqlmesh import signal

@signal()
def ready(batch):
    return not Path("late").exists()
"""
FIVE = "'*/5 * * * *'"
FILES = {
    "signals/__init__.py": SIGNAL,
    "models/fails.sql": model(
        "work.fails",
        "SELECT COUNT(*)::INT AS bad FROM raw.bad",
        kind="FULL",
        audits="(forall(criteria := (bad = 0)))",
    ),
    "models/below.sql": model("work.below", "SELECT bad FROM work.fails", kind="FULL", cron=FIVE),
    "models/waits.sql": model("work.waits", kind="FULL", signals="(ready())"),
    "models/healthy.sql": model("work.healthy", kind="FULL", cron=FIVE),
}
FIVE_PAST = datetime(2026, 11, 6, 0, 5, tzinfo=UTC)
ALL = {"fails", "below", "waits", "healthy"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def test_what_failed_or_waits_is_requested_at_its_own_cron(
    workplace: Path, instance: dg.DagsterInstance
) -> None:
    shop = workshop.make(workplace, FILES, sql="CREATE SCHEMA raw; CREATE TABLE raw.bad (n INT);")

    def requested(at: datetime) -> set[str]:
        request = tick(shop, at, instance)
        assert isinstance(request, dg.RunRequest)
        return {key.path[-1] for key in request.asset_selection or []}

    workshop.execute(shop, "INSERT INTO raw.bad VALUES (1)")
    (workplace / "late").touch()
    run = materialize(shop, instance=instance)
    assert run.status == {
        "work.fails": "failed",
        "work.below": "skipped",
        "work.waits": "waiting for its signals",
        "work.healthy": "evaluated",
    }

    assert requested(FIVE_PAST) == {"healthy"}
    skipped = tick(shop, FIVE_PAST - timedelta(minutes=3), instance)
    assert isinstance(skipped, dg.SkipReason)
    names = f"shop.work.below, shop.work.fails, shop.work.waits (run {run.run_id})"
    assert names in str(skipped.skip_message)
    # A day after the run, which started now whatever time it ran for.
    assert requested(datetime.now(UTC) + timedelta(days=1)) == ALL

    # Somebody mends the data, and runs the model by hand.
    workshop.execute(shop, "DELETE FROM raw.bad")
    assert requested(FIVE_PAST) == {"healthy"}
    materialize(shop, selection='key:"shop/work/fails"', instance=instance)
    assert requested(FIVE_PAST) == {"below", "healthy"}

    # Somebody promotes a change.
    (shop.project / "models" / "new.sql").write_text(model("work.new", kind="FULL"))
    workshop.plan(shop)
    assert requested(FIVE_PAST) == {"below", "healthy", "waits"}
