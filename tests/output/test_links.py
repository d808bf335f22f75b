"""The command line where the output folder is a link."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli.app import main
from projects import model, write_project

pytestmark = pytest.mark.sqlmesh


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {f"models/{name}.sql": model(f"s.{name}") for name in ("stays", "goes")}
    return write_project(tmp_path / "shop", files)


def generate(shop: Path, out: Path, *options: str) -> int:
    return main([str(shop), "-o", str(out), "--quiet", *options])


def test_a_folder_that_is_a_link(tmp_path: Path, shop: Path) -> None:
    real, link = tmp_path / "elsewhere" / "deep", tmp_path / "link"
    real.mkdir(parents=True)
    link.symlink_to(real)
    assert generate(shop, link) == 0
    (shop / "models" / "goes.sql").unlink()
    assert generate(shop, link) == 0
    assert link.is_symlink()
    assert not list(real.rglob("goes.py"))
    assert generate(shop, real, "--check") == 0


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_link_to_no_folder(
    target: str, tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    assert generate(shop, link) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{link} is a link that leads to no folder. Remove the link" in line
    assert {path.name for path in tmp_path.iterdir()} == {"link", "shop"}
