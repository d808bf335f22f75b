"""Evaluates the generated schedule a few times in one process, as a code server does.

Prints the seconds of the first tick, the median of three later ones, the same without reports of
plans, one with all models due, and one that reports as much as a tick does.
"""

import importlib
import json
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import dagster as dg

from dg_sqlmesh_codegen.runtime import SQLMeshResource

sys.path.insert(0, "")
module = importlib.import_module("defs.definitions")

with dg.build_resources({"sqlmesh": module.defs.resources["sqlmesh"]}) as resources:
    FIELDS = resources.sqlmesh.model_dump()


def tick(
    instance: dg.DagsterInstance, at: datetime, *, report_plans: bool = True
) -> tuple[float, object]:
    sqlmesh = SQLMeshResource(**{**FIELDS, "report_plans": report_plans})
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, resources={"sqlmesh": sqlmesh}
    ) as context:
        started = time.perf_counter()
        result = module.sqlmesh_adaptive_schedule(context)
        return time.perf_counter() - started, result


now = datetime.now(UTC)
with dg.DagsterInstance.get() as instance:
    first, reason = tick(instance, now, report_plans=False)
    if not isinstance(reason, dg.SkipReason):
        sys.exit(f"nothing should be due right after a plan: {reason}")
    quiet = [tick(instance, now, report_plans=False)[0] for _ in range(3)]
    reporting, _ = tick(instance, now)
    known = -1
    while known < len(instance.get_asset_keys()):  # each of them reports a part
        known = len(instance.get_asset_keys())
        tick(instance, now)
    later = [tick(instance, now)[0] for _ in range(3)]
    due, request = tick(instance, now + timedelta(days=1))
    if not isinstance(request, dg.RunRequest):
        sys.exit(f"a day later everything should be due: {request}")
selected = len(request.asset_selection or [])
print(
    json.dumps(
        {
            "first": first,
            "later": statistics.median(later),
            "quiet": statistics.median(quiet),
            "reporting": reporting,
            "due": due,
            "selected": selected,
        }
    )
)
