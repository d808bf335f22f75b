"""Every wrong value of the configuration, wherever it is written, gets one line of help."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from dagster.components.resolved.errors import ResolutionException
from dagster_shared.error import DagsterError

from dg_sqlmesh_codegen import SQLMeshProjectComponent
from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.config.defs_yaml import COMPONENT
from dg_sqlmesh_codegen.config.model import FIELDS, KEYS, RetryPolicy
from dg_sqlmesh_codegen.config.toml import toml
from refusals import TABLE, cases, error_of, expect, write_table

PYPROJECT = cases("pyproject.toml")
DEFS = cases("defs.yaml")
# The component does not look into folders, and Dagster's YAML takes the last of two equal keys.
ONLY_THE_GENERATOR = ("sqlmesh_config: {project_path: nowhere}", "group_name: a\ngroup_name: b")


@pytest.mark.parametrize("line", PYPROJECT)
def test_in_pyproject(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    key = line.split(" =", maxsplit=1)[0]
    needed = {"projects": 'projects = "shop"', "out": 'out = "defs"'}
    write_table(*(text for name, text in needed.items() if name != key), line)

    message = error_of(capsys)

    if key in KEYS:
        assert message.startswith(f"error: pyproject.toml {TABLE}: {key}")
        # What to write instead, or the folder or name that was meant.
        example = f"Example: {toml((FIELDS[key].examples or [None])[0])}"
        assert message.endswith(example) or re.search(r"Did you mean|Rename|older", message)
    else:
        assert message.startswith(f"error: pyproject.toml {TABLE}: unknown key {key}. ")
    expect("pyproject.toml", line, message)


def test_every_key_has_a_wrong_value() -> None:
    tried = "\n".join(PYPROJECT)

    assert [key for key in KEYS if f"{key} =" not in tried] == []
    assert [field.name for field in fields(RetryPolicy) if field.name not in tried] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (file, text)
        for file in ("pyproject.toml", "defs/defs.yaml")
        for text in cases(f"{Path(file).name}, malformed")
    ],
)
def test_a_malformed_file(file: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("defs").mkdir()
    Path(file).write_bytes(text.encode("latin-1"))

    message = error_of(capsys, "shop", "-o", "defs")

    assert message.startswith(f"error: {file}")
    expect(f"{Path(file).name}, malformed", text, message)


@pytest.mark.parametrize("attributes", DEFS)
def test_in_defs_yaml(attributes: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = "\n  ".join(("attributes:", *attributes.splitlines()))
    Path("defs").mkdir()
    Path("defs", "defs.yaml").write_text(f"type: {COMPONENT}\n{lines}", encoding="utf-8")
    project = () if "project_path" in attributes else ("shop",)

    message = error_of(capsys, *project, "-o", "defs")

    assert message.startswith("error: defs/defs.yaml")
    assert re.split(r"[ :]", attributes)[0] in message
    expect("defs.yaml", attributes, message)


@pytest.mark.parametrize("attributes", [each for each in DEFS if each not in ONLY_THE_GENERATOR])
def test_dagster_refuses_the_same_attributes(attributes: str) -> None:
    with pytest.raises((DagsterError, ResolutionException, ValueError)):
        SQLMeshProjectComponent.from_attributes_dict(attributes=yaml.safe_load(attributes))


@pytest.mark.parametrize("arguments", cases("command line"))
def test_on_the_command_line(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed = shlex.split(arguments)

    message = error_of(capsys, "shop", "-o", "defs", *typed)

    assert typed[0] in message or typed[0] in ("--set", "--templates")
    assert typed[1].partition("=")[0] in message or typed[0] != "--set"
    expect("command line", arguments, message)


@pytest.mark.sqlmesh
@pytest.mark.usefixtures("inspected")
@pytest.mark.parametrize("template", cases("external_asset_mapping"))
def test_a_mapping_that_fails_for_a_table(
    template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(f'external_asset_mapping = "{template}"')

    message = error_of(capsys, "shop", "-o", "defs")

    assert message.startswith(f"error: pyproject.toml {TABLE}: external_asset_mapping: ")
    assert re.search(r"external table raw\.(main|other)\.orders", message)
    expect("external_asset_mapping", template, message)


@pytest.mark.parametrize("option", ["--check", "--diff", "--doctor", "--hook"])
def test_options_that_need_a_project(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", "defs", option, "--against", "a..b"]) == 2
    assert "--against REV..REV" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["shop", "shop/models", "shop/macros/generated"])
def test_a_package_among_the_models(
    out: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLMesh would import its modules as python models."""
    for name in ("models", "macros"):
        (folder / "shop" / name).mkdir()

    message = error_of(capsys, "shop", "-o", out)

    assert message.startswith("error: SQLMesh would load the package's models/ as part of ")
    assert message.endswith(". Choose another folder with -o.")
