"""Evaluates the generated schedule a few times in one process, as a code server does.

Prints the seconds of the first tick, the median of three later ones, and one with all models due.
"""

import importlib
import json
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import dagster as dg

sys.path.insert(0, "")
module = importlib.import_module("defs.definitions")


def tick(instance: dg.DagsterInstance, at: datetime) -> tuple[float, object]:
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, resources=module.defs.resources
    ) as context:
        started = time.perf_counter()
        result = module.sqlmesh_adaptive_schedule(context)
        return time.perf_counter() - started, result


now = datetime.now(UTC)
with dg.DagsterInstance.get() as instance:
    first, reason = tick(instance, now)
    if not isinstance(reason, dg.SkipReason):
        sys.exit(f"nothing should be due right after a plan: {reason}")
    later = [tick(instance, now)[0] for _ in range(3)]
    due, request = tick(instance, now + timedelta(days=1))
    if not isinstance(request, dg.RunRequest):
        sys.exit(f"a day later everything should be due: {request}")
selected = len(request.asset_selection or [])
print(
    json.dumps(
        {"first": first, "later": statistics.median(later), "due": due, "selected": selected}
    )
)
