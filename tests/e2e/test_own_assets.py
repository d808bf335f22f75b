"""Assets of the user's own beside the package: exactly the files that the README shows."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import dagster as dg
import pytest

from e2e.shop import Shop, run

pytestmark = pytest.mark.process

REPORT = dg.AssetKey(["reports", "revenue"])
DG_PROJECT = (
    '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "my_project"\n'
)
# What create-dagster writes.
DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
# Prints what the report depends on, and the job of the package.
GRAPH = """
import dagster as dg
from {module} import defs
found = defs() if callable(defs) else defs
node = found.resolve_asset_graph().get(dg.AssetKey(["reports", "revenue"]))
print([key.to_user_string() for key in node.parent_keys], found.resolve_job_def("sqlmesh_job").name)
"""
EXPECTED = "['shop/marts/daily_revenue'] sqlmesh_job"


@pytest.fixture
def blocks(root: Path) -> dict[str, str]:
    """The files of the README by name."""
    text = (root / "generated_example" / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- own assets: (\S+) -->\n```python\n(.*?)```", text, re.DOTALL))


def python(folder: Path, *arguments: str) -> str:
    return run([sys.executable, *arguments], folder, PYTHONPATH=str(folder)).stdout.strip()


def test_a_file_that_merges(shop: Shop, dagster_home: Path, blocks: dict[str, str]) -> None:
    shop.package.rename(shop.folder / "defs")
    (shop.folder / "definitions.py").write_text(blocks["definitions.py"], encoding="utf-8")
    assert python(shop.folder, "-c", GRAPH.format(module="definitions")) == EXPECTED

    # As `dg dev -f` loads it, with a run of the model and the report.
    select = "reports/revenue,shop/marts/daily_revenue"
    launch = ["asset", "materialize", "-f", "definitions.py", "--select", select]
    python(shop.folder, "-m", "dagster", *launch)
    with dg.DagsterInstance.get() as instance:
        assert instance.get_latest_materialization_event(REPORT) is not None


def test_importing_the_object_is_refused(shop: Shop, blocks: dict[str, str]) -> None:
    """The reason for importing the module. Where Dagster accepts it, the README need not say it."""
    text = blocks["definitions.py"].replace("generated.defs", "generated")
    text = text.replace(
        "from defs import definitions as generated",
        "from defs.definitions import defs as generated",
    )
    shop.package.rename(shop.folder / "defs")
    (shop.folder / "definitions.py").write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match="more than one Definitions object"):
        python(shop.folder, "-m", "dagster", "definitions", "validate", "-f", "definitions.py")


def test_a_project_of_dg(shop: Shop, blocks: dict[str, str]) -> None:
    folder = shop.folder / "src"
    project = folder / "my_project"
    shutil.copytree(shop.package, project / "defs" / "shop")
    for init in (project, project / "defs"):
        (init / "__init__.py").touch()
    (project / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    (project / "defs" / "reports.py").write_text(blocks["reports.py"], encoding="utf-8")
    (shop.folder / "pyproject.toml").write_text(DG_PROJECT, encoding="utf-8")

    assert python(folder, "-c", GRAPH.format(module="my_project.definitions")) == EXPECTED
    python(folder, "-m", "dagster", "definitions", "validate", "-m", "my_project.definitions")
