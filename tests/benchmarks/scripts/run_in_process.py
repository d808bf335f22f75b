"""Run a job of a module or a file in this process, on the instance of DAGSTER_HOME.

    run_in_process.py MODULE|FILE JOB

Prints the seconds of the run itself, without the imports and the definitions before it.
"""

import importlib
import json
import runpy
import sys
import time

import dagster as dg

home, job_name = sys.argv[1:]
sys.path.insert(0, "")
if home.endswith(".py"):
    definitions = runpy.run_path(home)["defs"]
else:
    definitions = importlib.import_module(home).defs
job = definitions.resolve_job_def(job_name)
with dg.DagsterInstance.get() as instance:
    started = time.perf_counter()
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "success": result.success}))
sys.exit(0 if result.success else 1)
