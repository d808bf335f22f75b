"""Prints the seconds that each part of loading the generated package in this folder takes."""

import importlib
import json
import resource
import sys
import time

seconds: dict[str, float] = {}


def phase(name: str, started: float) -> float:
    seconds[name] = time.perf_counter() - started
    return time.perf_counter()


sys.path.insert(0, "")  # the working directory, as `-m` has it
at = time.perf_counter()
importlib.import_module("dagster")
at = phase("import dagster", at)
seconds["MB after dagster"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
at = time.perf_counter()
importlib.import_module("dg_sqlmesh_codegen.runtime")
at = phase("shim", at)
importlib.import_module("defs.models")
at = phase("model modules", at)
definitions = importlib.import_module("defs.definitions").defs
at = phase("definitions.py", at)
definitions.get_repository_def()
at = phase("repository", at)
definitions.resolve_job_def("sqlmesh_job")
at = phase("job", at)
seconds["MB at the end"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(seconds))
