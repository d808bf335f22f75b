"""Folders whose packages can be imported; the example, planned once and copied for every test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from e2e import workshop
from e2e.shop import Shop


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of a test: packages in it can be imported, and are forgotten later.

    Projects of `e2e.workshop` find their database in it.
    """
    monkeypatch.setenv("SHOP_DATABASE", str(Shop(tmp_path).database))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    packages = {package.name for package in tmp_path.glob("*defs*")}
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Shop:
    """The example with its sources loaded, planned in `prod` as of `PLANNED_AT`."""
    shop = Shop(tmp_path_factory.mktemp("planned"))
    shutil.copytree(root / "generated_example" / "shop", shop.project)
    shutil.copytree(root / "generated_example" / "defs", shop.folder / "defs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_DATABASE", str(shop.database))
        shop.load_sources()
        workshop.plan(shop)
    return shop


@pytest.fixture
def shop(planned: Shop, workplace: Path) -> Shop:
    """A copy of the planned example."""
    return workshop.copy(planned, workplace)


@pytest.fixture
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an instance without limits; DAGSTER_HOME names it."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get():
        pass  # its tables are made before several processes ask for them at once
    return home
