"""Runs the generated job like `dg launch --job sqlmesh_job`, which needs one more package."""

import sys

import dagster as dg
from defs.definitions import defs


def sqlmesh_job() -> dg.JobDefinition:
    return defs.resolve_job_def("sqlmesh_job")


if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        run = dg.execute_job(dg.reconstructable(sqlmesh_job), instance=instance)
    sys.exit(not run.success)
