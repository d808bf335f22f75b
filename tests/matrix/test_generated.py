"""What the installed SQLMesh makes of the example, beside what the newest one made of it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from e2e.shop import run
from packages import on_disk

pytestmark = pytest.mark.process

ORACLE = Path(__file__).parent.parent / "e2e" / "oracle.py"
# A version of SQLMesh, and the fingerprints that it computes.
OF_THE_VERSION = re.compile(r'(code_version=|"sqlmesh/version": )"[^"]+"')


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """A folder with the example's project and the package that the installed versions make."""
    ignored = shutil.ignore_patterns(".cache")
    shutil.copytree(root / "generated_example" / "shop", tmp_path / "shop", ignore=ignored)
    run([sys.executable, "-m", "dg_sqlmesh_codegen", "shop", "-o", "defs", "--quiet"], tmp_path)
    return tmp_path


def test_the_package_is_the_one_in_the_repository(root: Path, folder: Path) -> None:
    made, expected = (
        {path: OF_THE_VERSION.sub(r"\1...", text) for path, text in on_disk(each).items()}
        for each in (folder / "defs", root / "generated_example" / "defs")
    )
    assert made == expected


def test_the_graph_is_that_of_the_installed_sqlmesh(folder: Path) -> None:
    ask = (sys.executable, ORACLE)
    of_sqlmesh = json.loads(run([*ask, "sqlmesh", "", "shop"], folder).stdout)
    of_package = json.loads(run([*ask, "package"], folder, PYTHONPATH=str(folder)).stdout)

    assert len(of_package["assets"]) == 13
    assert of_package["assets"] == of_sqlmesh["assets"]
    assert of_package["standalone"] == of_sqlmesh["standalone"]
