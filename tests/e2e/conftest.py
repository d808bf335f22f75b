"""The example, planned once by the real SQLMesh and copied for every test."""

from __future__ import annotations

import importlib
import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

# The plan's "now". What a test runs lies after it, so the date of the test does not matter.
PLANNED_AT = "2026-11-04"
_numbers = itertools.count()


@dataclass(frozen=True)
class Shop:
    """A copy of the example: `project`, its generated `package` and the planned `database`."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "shop"

    @property
    def database(self) -> Path:
        return self.folder / "shop.duckdb"

    @property
    def package(self) -> Path:
        return next(self.folder.glob("defs*"))

    def load_sources(self, *arguments: str) -> None:
        """Write the source tables again: `--break` damages them."""
        _run([sys.executable, "load_sources.py", str(self.database), *arguments], self.project)

    def definitions(self) -> ModuleType:
        """Import the generated package's definitions."""
        return importlib.import_module(f"{self.package.name}.definitions")


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Shop:
    """The example with its sources loaded, planned in `prod` as of `PLANNED_AT`."""
    shop = Shop(tmp_path_factory.mktemp("planned"))
    shutil.copytree(root / "generated_example" / "shop", shop.project)
    shutil.copytree(root / "generated_example" / "defs", shop.folder / "defs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATABASE", str(shop.database))
        shop.load_sources()
        plan = ["plan", "--auto-apply", "--no-prompts", "--execution-time", PLANNED_AT]
        sqlmesh = str(Path(sys.executable).parent / "sqlmesh")
        _run([sqlmesh, "-p", str(shop.project), *plan], shop.folder)
    return shop


@pytest.fixture
def shop(planned: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A copy of the planned example, its package under a name of its own, in this process."""
    shop = Shop(tmp_path)
    shutil.copytree(planned.project, shop.project)
    shutil.copytree(planned.folder / "defs", tmp_path / f"defs_{next(_numbers)}")
    shutil.copy(planned.database, shop.database)
    monkeypatch.setenv("SHOP_DATABASE", str(shop.database))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield shop
    for name in [name for name in sys.modules if name.split(".")[0] == shop.package.name]:
        del sys.modules[name]
