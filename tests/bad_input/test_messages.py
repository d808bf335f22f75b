"""Every wrong input, wherever it is given, is one line of help: those of messages.txt."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from dagster.components.resolved.errors import ResolutionException
from dagster_shared.error import DagsterError

from dg_sqlmesh_codegen import SQLMeshProjectComponent
from dg_sqlmesh_codegen.config.defs_yaml import COMPONENT
from dg_sqlmesh_codegen.config.model import KEYS, RetryPolicy
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator
from projects import model, write_project
from refusals import cases, error_of, expect, write_table

ARGUMENTS = ("shop", "-o", "defs")
PROJECT = {
    "models/orders.sql": model("staging.orders", tags="(finance)", cron_tz="'Europe/Berlin'"),
    "models/customers.sql": model("staging.customers", "SELECT id FROM staging.orders"),
}
# The component does not look into folders, and Dagster's YAML takes the last of two equal keys.
ONLY_THE_GENERATOR = ("sqlmesh_config: {project_path: nowhere}", "group_name: a\ngroup_name: b")


# Each writes an input into the working directory and returns the arguments of the command.


def in_pyproject(line: str) -> tuple[str, ...]:
    needed = {"projects": 'projects = "shop"', "out": 'out = "defs"'}
    write_table(*(text for key, text in needed.items() if not line.startswith(f"{key} =")), line)
    return ()


def as_file(file: str) -> Callable[[str], tuple[str, ...]]:
    def write(text: str) -> tuple[str, ...]:
        Path("defs").mkdir()
        Path(file).write_bytes(text.encode("latin-1"))
        return ARGUMENTS

    return write


def in_defs_yaml(attributes: str) -> tuple[str, ...]:
    lines = "\n  ".join(("attributes:", *attributes.splitlines()))
    Path("defs").mkdir()
    Path("defs", "defs.yaml").write_text(f"type: {COMPONENT}\n{lines}", encoding="utf-8")
    return ARGUMENTS[1:] if "project_path" in attributes else ARGUMENTS


def on_the_command_line(arguments: str) -> tuple[str, ...]:
    return (*ARGUMENTS, *shlex.split(arguments))


def beside_a_project(lines: str) -> tuple[str, ...]:
    write_project(Path("shop"), PROJECT)
    write_table(*lines.splitlines())
    return ARGUMENTS


def as_mapping(template: str) -> tuple[str, ...]:
    write_table(f'external_asset_mapping = "{template}"')
    return ARGUMENTS


def as_translator(path: str) -> tuple[str, ...]:
    write_table('projects = "shop"', 'out = "defs"', f'translator = "{path}"')
    return ()


def as_method(case: str) -> tuple[str, ...]:
    method, verb, value = case.split(" ", 2)
    Path("shop_layers.py").write_text(
        "import dagster as dg\n"
        "from dg_sqlmesh_codegen import SQLMeshTranslator\n"
        "class Layers(SQLMeshTranslator):\n"
        f"    def {method}(self, *arguments):\n"
        f"        {verb.removesuffix('s')} {value}\n",
        encoding="utf-8",
    )
    write_table('translator = "shop_layers:Layers"')
    return ARGUMENTS


WRITE: dict[str, Callable[[str], tuple[str, ...]]] = {
    "pyproject.toml": in_pyproject,
    "pyproject.toml, malformed": as_file("pyproject.toml"),
    "defs.yaml": in_defs_yaml,
    "defs.yaml, malformed": as_file("defs/defs.yaml"),
    "command line": on_the_command_line,
    "selectors": beside_a_project,
    "external_asset_mapping": as_mapping,
    "translator": as_translator,
    "translator method": as_method,
}
WITH_SQLMESH = ("selectors", "external_asset_mapping", "translator", "translator method")
WITH_RECORDS = ("external_asset_mapping", "translator method")


@pytest.mark.parametrize(
    ("section", "given"),
    [
        pytest.param(section, given, marks=[pytest.mark.sqlmesh] if section in WITH_SQLMESH else [])
        for section in WRITE
        for given in cases(section)
    ],
)
def test_what_is_said(
    section: str, given: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    if section in WITH_RECORDS:
        request.getfixturevalue("inspected")
    expect(section, given, error_of(capsys, *WRITE[section](given)))


def test_every_key_and_every_method_of_a_translator_is_tried() -> None:
    tried, methods = "\n".join(cases("pyproject.toml")), cases("translator method")

    assert [key for key in KEYS if f"{key} =" not in tried] == []
    assert [field.name for field in fields(RetryPolicy) if field.name not in tried] == []
    for verb in ("returns", "raises"):
        named = {case.split()[0] for case in methods if f" {verb} " in case}
        assert named == {name for name in vars(SQLMeshTranslator) if not name.startswith("_")}


@pytest.mark.parametrize(
    "attributes", [each for each in cases("defs.yaml") if each not in ONLY_THE_GENERATOR]
)
def test_dagster_refuses_the_same_attributes(attributes: str) -> None:
    with pytest.raises((DagsterError, ResolutionException, ValueError)):
        SQLMeshProjectComponent.from_attributes_dict(attributes=yaml.safe_load(attributes))
