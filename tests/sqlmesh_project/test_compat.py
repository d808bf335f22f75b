"""Versions of SQLMesh: too old, as tried, and newer than any that was tried."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import ProjectError, UsageError
from dg_sqlmesh_codegen.sqlmesh_project import compat, describe
from dg_sqlmesh_codegen.sqlmesh_project.records import Source
from dg_sqlmesh_codegen.version import __version__
from projects import write, write_project

pytestmark = [pytest.mark.sqlmesh, pytest.mark.process]


def test_the_versions_are_those_of_pyproject_and_of_this_environment(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert f"sqlmesh>={compat.OLDEST}" in project["dependencies"]
    assert f"sqlmesh>={compat.NEWEST}" in project["optional-dependencies"]["dev"]
    assert version("sqlmesh") == compat.NEWEST


@pytest.mark.parametrize("installed", ["0.206.1", "0.229.0", "0.236.4", "0.236.4.dev3"])
def test_a_version_within_the_range(installed: str) -> None:
    compat.require(installed)
    assert compat.remark(installed) == ""
    with pytest.raises(AttributeError), compat.changes_explained(installed):
        raise AttributeError


@pytest.mark.parametrize("installed", ["0.236.5", "0.300.0", "1.0"])
def test_a_newer_version_is_not_refused_and_explains_what_is_missing(installed: str) -> None:
    compat.require(installed)
    with (
        pytest.raises(UsageError, match=rf"^TypeError: no\. SQLMesh {installed} is newer .*"),
        compat.changes_explained(installed),
    ):
        raise TypeError("no")
    with pytest.raises(ValueError, match="ours"), compat.changes_explained(installed):
        raise ValueError("ours")


def test_a_project_that_a_newer_version_cannot_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"models/a.sql": "MODEL (name s.a);\nSELECT FROM WHERE"})
    with pytest.raises(ProjectError, match=r"shows it in full\.$"):
        describe.inspect(Source((tmp_path,)))
    monkeypatch.setattr(compat, "remark", partial(compat.remark, "0.300.0"))
    with pytest.raises(ProjectError, match=r"full\. SQLMesh 0\.300\.0 is newer than all that"):
        describe.inspect(Source((tmp_path,)))


# A package `sqlmesh` that is found before the real one: its text, and what a person is told.
HOSTS = {
    "too old": (
        "__version__ = '0.205.9'\nclass Context: ...",
        f"SQLMesh 0.205.9 is too old for dg-sqlmesh-codegen {__version__}. "
        'Run `pip install "sqlmesh>=0.206.1"`.',
    ),
    "newer": (
        "__version__ = '0.999.0'\nclass Context: ...",
        "ModuleNotFoundError: No module named 'sqlmesh.core'. SQLMesh 0.999.0 is newer than all "
        f"that dg-sqlmesh-codegen {__version__} was tried with (0.206.1 to 0.236.4): if that is "
        'the reason, run `pip install "sqlmesh<=0.236.4"`.',
    ),
}


@pytest.mark.parametrize("case", HOSTS)
def test_another_version_is_one_line(case: str, tmp_path: Path) -> None:
    text, message = HOSTS[case]
    write(tmp_path, {"site/sqlmesh/__init__.py": text, "project/config.yaml": ""})
    done = subprocess.run(
        [sys.executable, "-m", "dg_sqlmesh_codegen", "project", "-o", "defs", "--quiet"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")
