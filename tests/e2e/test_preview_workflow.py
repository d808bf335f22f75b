"""The example's workflow of previews: its own steps, on a project whose prod is planned.

The tests cannot reach GitHub. A folder replaces the checkout, a script that writes down its
arguments replaces `gh`, and a test project with a DuckDB file replaces the warehouse.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import workshop
from e2e.shop import Shop, materialize
from projects import model

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("github_job")]

GH = """#!/bin/sh
printf '%s\\n' "$*" > gh-arguments
"""
FILES = {
    "models/a.sql": model("work.a", "SELECT 1 AS x", kind="FULL"),
    "models/b.sql": model("work.b", "SELECT x FROM work.a", kind="FULL"),
    "models/c.sql": model("work.c", "SELECT x FROM work.b", kind="FULL"),
}


@pytest.fixture(scope="module")
def workflow(root: Path) -> dict[str, Any]:
    file = root / "generated_example" / "deploy" / "preview-workflow.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def run_prod(shop: Shop) -> None:
    """Evaluate what is due now: a plan of an environment ends where prod's intervals end."""
    from sqlmesh import Context  # noqa: PLC0415 - seconds that collecting the tests need not take

    context = Context(paths=[str(shop.project)], load=False)
    try:
        context.run("prod")
    finally:
        context.close()


@pytest.fixture
def checkout(workplace: Path, root: Path) -> Shop:
    """A checkout whose prod is planned and whose branch changes `b`."""
    shop = workshop.make(workplace, FILES)
    run_prod(shop)
    changed = model("work.b", "SELECT x + 1 AS x FROM work.a", kind="FULL")
    (shop.project / "models" / "b.sql").write_text(changed, encoding="utf-8")
    workshop.generate(shop)
    (shop.folder / "defs").symlink_to(shop.package.name)
    (shop.folder / "project").symlink_to(shop.project.name)
    shutil.copy(root / "generated_example" / "report.py", shop.folder)
    bin_folder = shop.folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "gh").write_text(GH, encoding="utf-8")
    (bin_folder / "gh").chmod(0o755)
    return shop


def run(workflow: dict[str, Any], job: str, shop: Shop) -> list[int]:
    """Run the commands of a job of the pull request 1, and return their exit codes."""
    values = {"github.event.number": "1", "github.workspace": str(shop.folder)}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values.get(found[1], ""), text)

    path = [str(shop.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    variables = {
        **os.environ,
        **{name: filled(value) for name, value in workflow["env"].items()},
        "PATH": os.pathsep.join(path),
        "GITHUB_STEP_SUMMARY": str(shop.folder / "step-summary"),
        "COLUMNS": "120",
    }
    bash = shutil.which("bash") or "bash"
    commands = [each["run"] for each in workflow["jobs"][job]["steps"] if "run" in each]
    return [
        subprocess.run(
            [bash, "-e", "-c", filled(command)],
            cwd=shop.folder,
            env=variables,
            check=False,
            timeout=120,
        ).returncode
        for command in commands
        if not command.startswith("pip install")
    ]


def prod(shop: Shop) -> list[object]:
    return [
        workshop.query(shop, "FROM sqlmesh._environments WHERE name = 'prod'"),
        workshop.query(shop, "FROM work.c"),
    ]


def test_a_preview_is_planned_run_commented_and_invalidated(
    workflow: dict[str, Any], checkout: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prod(checkout)
    assert run(workflow, "preview", checkout) == [0, 0, 0]

    assert workshop.query(checkout, "FROM work__pr_1.c") == [(2,)]
    summary = (checkout.folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("Environment `pr_1`\n```text\n")
    assert "sqlmesh_job: SUCCESS" in summary
    assert re.search(r"work/a +│ runs in prod", summary)
    assert re.search(r"work/b +│ not due", summary)
    assert (checkout.folder / "step-summary").read_text(encoding="utf-8") == summary
    arguments = (checkout.folder / "gh-arguments").read_text(encoding="utf-8")
    assert arguments.startswith("pr comment 1 ")

    assert run(workflow, "close", checkout) == [0]
    assert prod(checkout) == before
    monkeypatch.setenv("DG_SQLMESH_ENVIRONMENT", "pr_1")
    said = materialize(checkout).failure
    assert said.startswith("The SQLMesh environment 'pr_1' expired or was invalidated at ")
    assert "\n" not in said
