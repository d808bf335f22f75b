"""Prints how many events of each kind the only run of the instance of DAGSTER_HOME has written."""

import json
from collections import Counter

import dagster as dg

with dg.DagsterInstance.get() as instance:
    (run,) = instance.get_runs()
    events = [record.dagster_event for record in instance.all_logs(run.run_id)]
kinds = Counter(event.event_type_value for event in events if event)
print(json.dumps({"all": len(events), **kinds}))
