"""How long 1,000 models take to render, and how long black takes for the same text."""

from __future__ import annotations

import time
from pathlib import Path

import black
import pytest
from black.mode import Mode, TargetVersion

from builders import audit, fqn, model, project, translation
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.rendering.package import Package, render
from dg_sqlmesh_codegen.sqlmesh_project.records import Column, Model
from dg_sqlmesh_codegen.translation import graph

pytestmark = pytest.mark.benchmark

MODELS = 1000
SAMPLE = 20  # black takes a minute and a half for all of them


def realistic(number: int) -> Model:
    """Return a model of twenty columns with a query of forty lines and four audits."""
    names = [f"column_{column}" for column in range(20)]
    query = ",\n".join(f"  o.{name}::INT AS {name} -- Of model {number}" for name in names)
    return model(
        f"shop.schema_{number % 20}.model_{number}",
        depends_on=tuple(
            fqn(f"shop.schema_{other % 20}.model_{other}")
            for other in range(max(0, number - 3), number)
        ),
        description=f"What model {number} holds\n\nAnd what it does not",
        owner="analytics",
        columns=tuple(Column(name, "DECIMAL(18, 2)", f"Of model {number}") for name in names),
        audits=tuple(
            audit(name, columns="(column_1, column_2)")
            for name in ("not_null", "unique_values", "unique_combination", "at_least_one")
        ),
        query=f"SELECT\n{query}\nFROM raw.orders AS o\nGROUP BY\n" + ",\n".join(names),
    )


def test_render(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config((tmp_path,), tmp_path / "defs")
    described = project(*map(realistic, range(MODELS)), paths=(tmp_path,))
    assets = graph.build(described, translation(described), config.out)
    started = time.process_time()
    files = render(Package(config, described, assets, ()))
    rendered = time.process_time() - started

    modules = [file.text for file in files if file.path.name.startswith("model_")]
    mode = Mode(target_versions={TargetVersion.PY311})
    started = time.process_time()
    for text in modules[:SAMPLE]:
        assert black.format_str(text, mode=mode) == text
    formatted = (time.process_time() - started) * len(modules) / SAMPLE
    lines = sum(text.count("\n") for text in modules) // len(modules)
    with capsys.disabled():
        print(  # noqa: T201 - a benchmark's result is what it prints
            f"\n{MODELS} models of {lines} lines: rendered in {rendered:.2f} s, black would take "
            f"{formatted:.0f} s more, ratio {formatted / rendered:.0f}"
        )
