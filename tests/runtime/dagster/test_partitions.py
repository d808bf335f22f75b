"""What Dagster answers to partitions of several kinds: why the package has none.

If one of these tests fails, this Dagster can do more: see "Partitions" in runtime/README.md.
"""

from __future__ import annotations

import dagster as dg
import pytest

pytestmark = pytest.mark.dagster

DAILY = dg.DailyPartitionsDefinition(start_date="2026-01-01")
HOURLY = dg.HourlyPartitionsDefinition(start_date="2026-01-01-00:00")
REFUSAL = "Selected assets must have the same partitions definitions"


@dg.multi_asset(specs=[dg.AssetSpec("daily", partitions_def=DAILY)])
def daily() -> None:
    """Materialize a model of the interval unit day."""


@dg.multi_asset(specs=[dg.AssetSpec("hourly", partitions_def=HOURLY)])
def hourly() -> None:
    """Materialize a model of the interval unit hour."""


def test_a_job_or_a_schedule_of_all_models_is_refused() -> None:
    job = dg.define_asset_job("all", selection="*")
    schedule = dg.ScheduleDefinition(name="s", cron_schedule="@daily", target="*")
    for extra in ({"jobs": [job]}, {"schedules": [schedule]}):
        defs = dg.Definitions(assets=[daily, hourly], **extra)
        with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
            dg.Definitions.validate_loadable(defs)
        assert REFUSAL in f"{refused.value} {refused.value.__cause__}"


def test_a_partition_that_sqlmesh_removed_stays_materialized() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        event = dg.AssetMaterialization("daily", partition="2026-01-02")
        instance.report_runless_asset_event(event)
        with pytest.raises(NotImplementedError, match="not supported yet"):
            instance.wipe_asset_partitions(dg.AssetKey("daily"), ["2026-01-02"])
        assert instance.get_materialized_partitions(dg.AssetKey("daily")) == {"2026-01-02"}
