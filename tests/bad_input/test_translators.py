"""Translators that cannot be imported, raise, or return what Dagster does not accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from refusals import TABLE, cases, error_of, expect, write_table

pytestmark = pytest.mark.sqlmesh

METHODS = cases("translator method")
ITEMS = "model shop.sales.items"
EXTERNAL = "the external table raw.main.orders"


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("path", cases("translator"))
def test_a_translator_that_cannot_be_used(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_table('projects = "shop"', 'out = "defs"', f'translator = "{path}"')

    message = error_of(capsys)

    assert message.startswith(f"error: pyproject.toml {TABLE}: translator: ")
    assert path in message
    expect("translator", path, message)


@pytest.mark.usefixtures("inspected")
@pytest.mark.parametrize("case", METHODS)
def test_a_method_that_fails(case: str, modules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    method, verb, value = case.split(" ", 2)
    (modules / "shop_layers.py").write_text(
        "import dagster as dg\n"
        "from dg_sqlmesh_codegen import SQLMeshTranslator\n"
        "class Layers(SQLMeshTranslator):\n"
        f"    def {method}(self, *arguments):\n"
        f"        {verb.removesuffix('s')} {value}\n",
        encoding="utf-8",
    )
    write_table('translator = "shop_layers:Layers"')

    message = error_of(capsys, "shop", "-o", "defs")

    assert message.startswith(f"error: pyproject.toml {TABLE}: translator: ")
    assert f"Layers.{method}" in message
    assert (EXTERNAL if "external" in method else ITEMS.removeprefix("model ")) in message
    expect("translator method", case, message)


def test_every_method_is_tried() -> None:
    methods = {name for name in vars(SQLMeshTranslator) if not name.startswith("_")}

    for verb in ("returns", "raises"):
        assert {case.split()[0] for case in METHODS if f" {verb} " in case} == methods
