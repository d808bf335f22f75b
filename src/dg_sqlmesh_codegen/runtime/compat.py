"""What of Dagster is used without being public, each with its reason. Tried on dagster 1.13."""

from __future__ import annotations

import dagster as dg


def planned_asset_keys(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """Return the assets that a run's plan materializes.

    A run of a whole job carries no asset selection, and a job's name does not tell which assets
    it holds. The stored execution plan does; the instance's method that reads it has no public
    counterpart.
    """
    if run.execution_plan_snapshot_id is None:
        return set()
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return {
        output.properties.asset_key
        for step in plan.steps
        for output in step.outputs
        if output.properties and output.properties.asset_key
    }
