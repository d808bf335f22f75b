"""Runs the generated job once for each line of its input, each time in a new process.

What takes seconds is imported once: each line of its input is a time, for which it forks. The
child runs the job as `dagster job execute` does on the in-process executor, and may be killed.
Prints the child's process id, and when the child has ended, its exit code (-9 if it was killed).

    python forking_worker.py DAGSTER_HOME < times
"""

from __future__ import annotations

import importlib
import os
import sys

import dagster as dg

# Not needed here: the child would take seconds for it.
from dg_sqlmesh_codegen.runtime.sqlmesh import run
from e2e.shop import run_at

ATTEMPT = "attempt_for"


def run_models(home: str, time: str) -> None:
    """Run all models, as of a time."""
    definitions = importlib.import_module("defs.definitions").defs
    with dg.DagsterInstance.from_config(home) as instance:
        definitions.resolve_job_def("sqlmesh_job").execute_in_process(
            instance=instance,
            run_config=run_at(time),
            tags={ATTEMPT: time},
            raise_on_error=False,
        )


def say(number: int) -> None:
    """Answer the test that started this program."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main(home: str) -> None:
    """Fork for each line of the input."""
    assert run
    importlib.import_module("defs.definitions")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr
            run_models(home, line.strip())
            os._exit(0)
        say(child)
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1])
