"""The built wheel, in a virtual environment of its own."""

from __future__ import annotations

import sys
import venv
import zipfile
from pathlib import Path

import pytest

from e2e.shop import run
from projects import model, write_project

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    run([sys.executable, *build, root], out)
    return next(out.glob("*.whl"))


def test_what_is_in_it(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    templates = {path.name for path in (root / "codegen_templates").iterdir()}
    assert {f"dg_sqlmesh_codegen/codegen_templates/{name}" for name in templates} <= names
    assert "dg_sqlmesh_codegen/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "generated_example/"))]


def test_it_generates_a_package_that_loads(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    site = next((environment / "lib").glob("python*")) / "site-packages"
    # The dependencies come from this environment: its folder is searched after the new one's, and
    # the line that makes our checkout importable there is not read.
    host = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (site / "host.pth").write_text(f"{host}\n", encoding="utf-8")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    write_project(tmp_path / "project", {"models/a.sql": model("a.b", kind="FULL")})

    where = "import dg_sqlmesh_codegen as d; print(d.__file__)"
    home = run([python, "-c", where], tmp_path).stdout.strip()
    assert Path(home).is_relative_to(site)
    run([python, "-m", "dg_sqlmesh_codegen", "project", "-o", "defs"], tmp_path)
    loaded = "from defs.definitions import defs; print(defs.resolve_all_job_defs()[0].name)"
    run([python, "-c", loaded], tmp_path)
