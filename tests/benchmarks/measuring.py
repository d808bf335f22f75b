"""Time and memory of processes, and the Markdown tables that show them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
# A process inherits the peak memory of the one that starts it: pytest is large, this is not.
_LAUNCHER = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
result = {
    "wall": time.perf_counter() - started,
    "cpu": usage.ru_utime + usage.ru_stime,
    "megabytes": usage.ru_maxrss / 1024,
    "code": os.waitstatus_to_exitcode(status),
}
open(sys.argv[1], "w").write(json.dumps(result))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and its children took, and what they printed.

    `wall` and `cpu` are seconds; `megabytes` is the peak memory of the largest of the processes.
    """

    wall: float
    cpu: float
    megabytes: float
    output: str

    @property
    def seconds(self) -> float:
        """Seconds on the clock that was asked for (`clock`)."""
        return self.cpu if clock() == "cpu" else self.wall

    def report(self) -> dict[str, float]:
        """Return what one of `scripts/` prints as its last line."""
        report: dict[str, float] = json.loads(self.output.strip().splitlines()[-1])
        return report


class FailedError(Exception):
    """A measured process ended with a wrong exit code, or not in time."""


def clock() -> str:
    """Which clock measures processes: BENCHMARK_CLOCK, `wall` or `cpu` (for a busy machine)."""
    return os.environ.get("BENCHMARK_CLOCK", "wall")


def rounds() -> int:
    """How often a short measurement is repeated: BENCHMARK_ROUNDS, 3 by default."""
    return int(os.environ.get("BENCHMARK_ROUNDS", "3"))


def patience() -> float:
    """How many seconds a contender that may never end gets: BENCHMARK_TIMEOUT, 900 by default."""
    return float(os.environ.get("BENCHMARK_TIMEOUT", "900"))


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
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result"
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(result), *map(str, command)]
        with (Path(scratch) / "output").open("w+") as output:
            process = subprocess.Popen(
                launcher,
                cwd=folder,
                env=_environment() | dict(environment or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                raise FailedError(f"not finished after {timeout:.0f} s") from None
            output.seek(0)
            text = output.read()
        if not result.exists():
            raise FailedError(f"could not be started: {' '.join(map(str, command))}\n{text}")
        measured = json.loads(result.read_text())
    if measured["code"]:
        raise FailedError(
            f"exit code {measured['code']}: {' '.join(map(str, command))}\n{text[-4000:]}"
        )
    return Cost(measured["wall"], measured["cpu"], measured["megabytes"], text)


def alternately(contenders: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """Run each in turn, `rounds()` times, and return the median one of each.

    In turn, because a machine that gets busy should not make one of them look slow.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(rounds()):
        for name, contender in contenders.items():
            costs[name].append(contender())
    return {
        name: sorted(each, key=lambda cost: cost.seconds)[(len(each) - 1) // 2]
        for name, each in costs.items()
    }


def show(capsys: pytest.CaptureFixture[str], title: str, rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table; the first row is its head, numbers get two digits."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in texts
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    with capsys.disabled():
        print(f"\n\n{title}\n", *lines, sep="\n")  # noqa: T201 - what a benchmark is for


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _environment() -> dict[str, str]:
    """Let Python keep byte code: a deployment compiles it once, not at each start."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
