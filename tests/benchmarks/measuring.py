"""Time of processes, and the Markdown tables that show it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
# Which clock measures processes: `wall`, or `cpu` for a busy machine.
CLOCK = os.environ.get("BENCHMARK_CLOCK", "wall")
# How often a short measurement is repeated.
ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "3"))
# How many seconds a contender that may never end gets.
PATIENCE = float(os.environ.get("BENCHMARK_TIMEOUT", "900"))


@dataclass(frozen=True, slots=True)
class Cost:
    """The seconds that a process and its children took, and what they printed.

    `cpu` is the time of the processors, `user` the part of it outside of the system.
    """

    wall: float
    cpu: float
    user: float
    output: str

    @property
    def seconds(self) -> float:
        """Seconds on the clock that was asked for."""
        return self.cpu if CLOCK == "cpu" else self.wall

    def report(self) -> dict[str, float]:
        """Return what one of `scripts/` prints as its last line."""
        report: dict[str, float] = json.loads(self.output.strip().splitlines()[-1])
        return report


class FailedError(Exception):
    """A measured process ended with a wrong exit code, or not in time."""


def sizes(default: str) -> list[int]:
    """Return the numbers of models to measure: BENCHMARK_MODELS (`100,1000`), or the default."""
    return [int(number) for number in os.environ.get("BENCHMARK_MODELS", default).split(",")]


def run(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    timeout: float | None = None,
) -> Cost:
    """Run a program in a folder, with what it prints kept.

    Raises:
        FailedError: it did not succeed, or took longer than `timeout` seconds.
    """
    # Python keeps byte code: a deployment compiles it once, not at each start.
    inherited = {key: value for key, value in os.environ.items() if "DONTWRITEBYTECODE" not in key}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(
            list(map(str, command)),
            cwd=folder,
            env=inherited | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FailedError(f"not finished after {timeout:.0f} s") from error
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise FailedError(f"exit code {done.returncode}: {done.args}\n{done.stdout[-4000:]}")
    user = after.ru_utime - before.ru_utime
    return Cost(wall, user + after.ru_stime - before.ru_stime, user, done.stdout)


def alternately(contenders: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Run each in turn, ROUNDS times, and return the median one of each.

    In turn, because a machine that gets busy should not make one of them look slow.
    """
    costs = [{name: contender() for name, contender in contenders.items()} for _ in range(ROUNDS)]
    return {
        name: sorted((each[name] for each in costs), key=lambda cost: cost.seconds)[ROUNDS // 2]
        for name in contenders
    }


def show(capsys: pytest.CaptureFixture[str], title: str, rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table; the first row is its head, numbers get two digits."""
    head, *body = [
        [f"{value:.2f}" if isinstance(value, float) else str(value) for value in row]
        for row in rows
    ]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]
    with capsys.disabled():
        print(f"\n\n{title}\n", *lines, sep="\n")  # noqa: T201 - what a benchmark is for
