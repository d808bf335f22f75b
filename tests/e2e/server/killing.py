"""Jobs in processes of their own, which are killed at random moments or come to their end."""

from __future__ import annotations

import importlib
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import dagster as dg

# What takes seconds is imported once, in the server that forks the processes.
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["dagster", "dagster_postgres", "pytest", "dg_sqlmesh_codegen.runtime.sqlmesh.run"]
)


def kill_at_random(run: Callable[[float], float], whole: float, *, kills: int, seed: int) -> None:
    """Start runs until so many of them were killed at random moments.

    Args:
        run: starts a run, to be killed after some seconds; returns the seconds it took, or 0 if it
            was killed.
        whole: the seconds that a run takes.
        kills: how many runs have to be killed.
        seed: of the random moments, which are the same parts of a run every time.
    """
    moments = random.Random(seed)  # noqa: S311 - nothing is kept secret with them
    killed = started = 0
    while killed < kills:
        assert started < 2 * kills, f"{killed} of {started} runs were killed"
        took = run(moments.uniform(0, whole))
        started += 1
        killed += not took
        whole = took or whole  # it takes less by now: other tests have ended


@dataclass(frozen=True)
class Jobs:
    """The jobs of a generated package that can be imported.

    Args:
        home: holds the instance's `dagster.yaml`.
        package: its name.
    """

    home: Path
    package: str

    def run(self, job: str, config: Mapping[str, object], kill_after: float | None = None) -> float:
        """Run a job; return the seconds it took, or 0 if the process had to be killed."""
        process = _FORKS.Process(target=_execute, args=(str(self.home), self.package, job, config))
        started = time.monotonic()
        process.start()
        process.join(kill_after)  # a random moment, not a wait for something
        process.kill()
        process.join()
        took = time.monotonic() - started
        self._fail_unfinished()
        assert process.exitcode in (0, -signal.SIGKILL)
        return took if process.exitcode == 0 else 0

    def _fail_unfinished(self) -> None:
        """Do what the run monitoring does when it finds that a worker is gone."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            for each in instance.get_runs():
                if not each.is_finished:
                    instance.report_run_failed(each)
                    instance.event_log_storage.free_concurrency_slots_for_run(each.run_id)


def _execute(home: str, package: str, job: str, config: Mapping[str, object]) -> None:
    """Run a job as `dagster job execute` does on the in-process executor."""
    definitions = importlib.import_module(f"{package}.definitions").defs
    with dg.DagsterInstance.from_config(home) as instance:
        definitions.resolve_job_def(job).execute_in_process(
            instance=instance, run_config=config, raise_on_error=False
        )
