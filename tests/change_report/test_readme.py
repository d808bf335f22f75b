"""The README of the change report shows a real report and names what JSON contains."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.change_report import model


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    path = root / "src/dg_sqlmesh_codegen/change_report/README.md"
    return path.read_text(encoding="utf-8")


def test_the_sample_is_the_golden_report(readme: str, root: Path) -> None:
    golden = (root / "tests/golden/change_report/readme.md").read_text(encoding="utf-8")
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in golden.splitlines())
    assert quoted in readme


@pytest.mark.parametrize(
    "record",
    [
        model.Summary,
        model.ParsedAsset,
        model.AssetChange,
        model.Change,
        model.Rename,
        model.Edge,
        model.UnreadFile,
        model.CodeChange,
    ],
)
def test_every_field_of_the_json_is_documented(readme: str, record: type) -> None:
    names = {field.name for field in fields(record)}
    assert any(names <= {*re.findall(r"\w+", row)} for row in readme.splitlines())


@pytest.mark.parametrize("word", [*model.RenameReason, *model.Cause])
def test_every_reason_and_cause_is_documented(
    readme: str, word: model.RenameReason | model.Cause
) -> None:
    assert f"`{word.value}`" in readme
