"""Where a translator is imported from."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

from builders import model
from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.translation import plugins
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator

TEXT = """
from dg_sqlmesh_codegen import SQLMeshTranslator

class Layers(SQLMeshTranslator):
    def get_description(self, model):
        return __file__
"""
_numbers = itertools.count()


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module name that no other test imports; the working directory is empty."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return f"translators_{next(_numbers)}"


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT, encoding="utf-8")
    return path


def file_of(translator: SQLMeshTranslator) -> Path:
    return Path(str(translator.get_description(model())))


def test_none_is_the_default_one() -> None:
    assert type(plugins.load(None)) is SQLMeshTranslator


@pytest.mark.parametrize(
    ("folder", "root", "mark"),
    [
        ("here", None, None),
        ("project", "project", None),
        ("project/src", "project", None),
        # A defs.yaml deep in a `dg` project names a module of that project.
        ("project/src", "project/src/shop/defs/sqlmesh", "pyproject.toml"),
        ("project", "project/src/shop/defs/sqlmesh", "dg.toml"),
        ("project/src/shop/defs/sqlmesh", "project/src/shop/defs/sqlmesh", "pyproject.toml"),
    ],
)
def test_where_it_is_looked_for(
    folder: str, root: str | None, mark: str | None, tmp_path: Path, name: str
) -> None:
    file = write(tmp_path / folder / f"{name}.py")
    if root:
        (tmp_path / root).mkdir(parents=True, exist_ok=True)
    if mark:
        (tmp_path / "project" / mark).touch()
    before = [*sys.path]

    found = plugins.load(f"{name}:Layers", tmp_path / root if root else None)

    assert file_of(found) == file
    assert sys.path == before


def test_modules_of_a_relative_folder_and_of_packages(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "here" / "defs" / f"{name}.py")
    assert file_of(plugins.load(f"{name}:Layers", Path("defs"))) == file

    file = write(tmp_path / "here" / f"deep_{name}" / "deep" / "layers.py")
    assert file_of(plugins.load(f"deep_{name}.deep.layers:Layers")) == file


def test_a_folder_hides_no_installed_package(tmp_path: Path, name: str) -> None:
    write(tmp_path / "here" / "graphlib.py")

    with pytest.raises(SettingError, match="has no such class") as caught:
        plugins.load("graphlib:Layers")

    assert str(tmp_path) not in str(caught.value)


def test_another_projects_folder_is_not_searched(tmp_path: Path, name: str) -> None:
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "pyproject.toml").touch()
    (tmp_path / "outer" / "pyproject.toml").touch()
    write(tmp_path / "outer" / f"{name}.py")

    with pytest.raises(SettingError, match="does not import: ModuleNotFoundError"):
        plugins.load(f"{name}:Layers", tmp_path / "outer" / "inner")
