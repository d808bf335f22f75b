"""Draws generated_example/load_times.png: seconds over the number of models, three lines.

    pytest -m benchmark -s tests/benchmarks/test_load_times.py
    BENCHMARK_MODELS=10,100,1000,3000 pytest -m benchmark -s tests/benchmarks/test_load_times.py

What is compared is the price of knowing the graph, each as a whole process: importing the generated
package, loading the project with SQLMesh alone, and building Definitions with dg-sqlmesh. The last
two find SQLMesh's `.cache` warm, which is more than a container that has just started has.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benchmarks.contenders import BARE_CONTEXT, PYTHON, dg_sqlmesh, package_in, script
from benchmarks.measuring import CLOCK, Cost, alternately, run, show, sizes

pytestmark = pytest.mark.benchmark

# Readable on GitHub's white page and on its dark one; the background is left to the page.
GREY = "#808890"
COLORS = {"generated package": "#2da44e", "SQLMesh's own load": "#3b8eea", "dg-sqlmesh": "#e0673c"}


def test_load_times(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = sizes("10,100,300")
    measured = [_costs(package_in(tmp_path / str(models), models)) for models in numbers]
    rows: list[list[object]] = [["models", *(f"{name} (s)" for name in measured[0])]]
    for models, costs in zip(numbers, measured, strict=True):
        rows.append([models, *(cost.seconds for cost in costs.values())])
    show(capsys, f"Seconds until the graph is known ({CLOCK} clock)", rows)

    lines = {name: [costs[name].seconds for costs in measured] for name in COLORS}
    picture = root / "generated_example" / "load_times.png"
    _draw(numbers, lines, picture)
    assert picture.stat().st_size


def _costs(folder: Path) -> dict[str, Cost]:
    commands: dict[str, tuple[str | Path, ...]] = {
        "import dagster": (PYTHON, "-c", "import dagster"),
        "generated package": (PYTHON, "-c", "import defs.definitions"),
        "SQLMesh's own load": BARE_CONTEXT,
        "dg-sqlmesh": (dg_sqlmesh(), script("dg_sqlmesh_definitions")),
    }
    contenders = {name: partial(run, command, folder) for name, command in commands.items()}
    for contender in contenders.values():
        contender()  # byte code, and SQLMesh's cache
    return alternately(contenders)


def _draw(models: list[int], lines: dict[str, list[float]], picture: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - tests that draw nothing do without

    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for name, seconds in lines.items():
        axes.plot(models, seconds, marker="o", markersize=4, color=COLORS[name])
        axes.annotate(
            f"{name}, {seconds[-1]:.1f} s",
            (models[-1], seconds[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            color=COLORS[name],
            va="center",
            annotation_clip=False,
        )
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(models, [f"{number:,}" for number in models])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("models", color=GREY)
    axes.set_ylabel("seconds until the graph is known", color=GREY)
    axes.tick_params(colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.grid(axis="y", color=GREY, alpha=0.25)
    figure.savefig(picture, dpi=130, transparent=True)
