"""A package, a state and a library of different versions of SQLMesh, with real ones."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from e2e import workshop
from e2e.shop import PLANNED_AT, Shop, run
from matrix.run import UV, interpreter
from matrix.versions import ROWS
from projects import model

pytestmark = pytest.mark.network

OLD = next(row for row in ROWS if row.name == "oldest")
# Below the floor: pip refuses it beside this project, but nobody has to ask pip.
TOO_OLD = "0.205.0"
PROBLEM = "The SQLMesh state and the installed SQLMesh do not match"
# Prints a line for a run, one for a tick and those of the doctor.
SCRIPT = """
from datetime import UTC, datetime
from pathlib import Path

from dg_sqlmesh_codegen.runtime.doctor import main
from e2e.shop import Shop, materialize, tick

shop = Shop(Path.cwd())
outcome = materialize(shop)
print("run:", outcome.failure or outcome.materialized)
try:
    print("tick:", tick(shop, datetime(2026, 11, 6, tzinfo=UTC)))
except Exception as error:
    print("tick:", error)
main([shop.package.name])
"""


@pytest.fixture(scope="module")
def old(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the oldest SQLMesh and Dagster."""
    folder = tmp_path_factory.mktemp("old")
    run([UV, "venv", "-q", "-p", interpreter(OLD.python), "venv"], folder)
    install(folder / "venv/bin", "--editable", str(root), *OLD.packages)
    return folder / "venv/bin"


def install(programs: Path, *packages: str) -> None:
    run([UV, "pip", "install", "-q", "-p", programs / "python", *packages], programs)


def said(python: Path | str, shop: Shop, root: Path) -> dict[str, str]:
    """Return what a run, a tick and the doctor say with an interpreter."""
    done = run([python, "-c", SCRIPT], shop.folder, PYTHONPATH=str(root / "tests"))
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    return {word: text for word, _, text in lines if word in {"run", "tick", "problem"}}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A project that the newest SQLMesh planned and generated."""
    monkeypatch.setenv("SHOP_DATABASE", str(Shop(tmp_path).database))
    return workshop.make(tmp_path, {"models/a.sql": model("work.a", kind="FULL")})


def test_a_state_that_has_to_be_migrated(shop: Shop, old: Path, root: Path) -> None:
    shop.database.unlink()
    options = ("--auto-apply", "--no-prompts", "--execution-time", PLANNED_AT)
    run([old / "sqlmesh", "-p", shop.project, "plan", *options], shop.folder)
    # A package of the newest SQLMesh, and all else of the oldest one.
    assert said(old / "python", shop, root)["run"] == "['work.a']"

    migrate = f"sqlmesh -p {shop.project} migrate"
    told = (
        f"{PROBLEM}: SQLMesh (local) is using version '{version('sqlmesh')}' which is ahead of "
        f"'{OLD.sqlmesh}' (remote). Run `{migrate}`."
    )
    assert said(sys.executable, shop, root) == dict.fromkeys(("run", "tick", "problem"), told)

    program, *arguments = migrate.split()
    run([Path(sys.executable).parent / program, *arguments], shop.folder)
    assert "problem" not in said(sys.executable, shop, root)


def test_a_state_that_is_newer_and_a_library_that_is_too_old(
    shop: Shop, old: Path, root: Path
) -> None:
    remedy = f"Run `pip install sqlmesh=={version('sqlmesh')} sqlglot=={version('sqlglot')}`"
    told = (
        f"{PROBLEM}: SQLMesh (local) is using version '{OLD.sqlmesh}' which is behind "
        f"'{version('sqlmesh')}' (remote). {remedy}: the versions of the state."
    )
    assert said(old / "python", shop, root) == dict.fromkeys(("run", "tick", "problem"), told)

    install(old, f"sqlmesh=={TOO_OLD}")
    told = f"SQLMesh {TOO_OLD} is too old: dg-sqlmesh-codegen needs {OLD.sqlmesh}"
    found = said(old / "python", shop, root)
    assert found.keys() == {"run", "tick", "problem"}
    assert {text.partition(". ")[0] for text in found.values()} == {told}
