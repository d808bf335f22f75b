"""The example, planned once by the real SQLMesh and copied for every test."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.shop import PLANNED_AT, Shop, run

_numbers = itertools.count()


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
        run([sqlmesh, "-p", str(shop.project), *plan], shop.folder)
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


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose packages can be imported, and are forgotten afterwards (see `workshop`)."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    packages = {package.name for package in tmp_path.glob("defs*")}
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]
