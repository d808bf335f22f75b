"""Prints how many events of each kind the only run of the instance of DAGSTER_HOME has written."""

import json

import dagster as dg

with dg.DagsterInstance.get() as instance:
    (run,) = instance.get_runs()
    kinds = [
        record.dagster_event.event_type_value
        for record in instance.all_logs(run.run_id)
        if record.dagster_event
    ]
    everything = len(instance.all_logs(run.run_id))
print(
    json.dumps(
        {
            "all": everything,
            "materializations": kinds.count("ASSET_MATERIALIZATION"),
            "checks": kinds.count("ASSET_CHECK_EVALUATION"),
            "planned": kinds.count("ASSET_MATERIALIZATION_PLANNED")
            + kinds.count("ASSET_CHECK_EVALUATION_PLANNED"),
        }
    )
)
