"""The example's GitHub Actions job: its own steps, in a checkout like the one GitHub makes.

The tests cannot reach GitHub. A clone of the merge commit with the depth of the job replaces
`actions/checkout`, and a script that writes down its arguments replaces `gh`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.pipeline import generate
from e2e.repository import Repository
from projects import model, write_project

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("github_job")]

GH = """#!/bin/sh
printf '%s\\n' "$*" > gh-arguments
"""


@pytest.fixture(scope="module")
def steps(root: Path) -> list[dict[str, Any]]:
    """The job's steps but for the installation; the first one is the checkout."""
    file = root / "generated_example" / "deploy" / "github-workflow.yaml"
    found = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]["defs"]["steps"]
    return [step for step in found if "pip install" not in step.get("run", "")]


def run(steps: list[dict[str, Any]], checkout: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the steps as GitHub does, and return the results of those that ran."""
    bin_folder = checkout.parent / "bin"
    bin_folder.mkdir()
    (bin_folder / "gh").write_text(GH, encoding="utf-8")
    (bin_folder / "gh").chmod(0o755)
    path = os.pathsep.join([str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    summary = str(checkout / "step-summary")
    done: list[subprocess.CompletedProcess[str]] = []
    for step in steps:
        always = step.get("if") == "always()"
        if "run" in step and (always or not any(each.returncode for each in done)):
            command = ("bash", "-e", "-c", step["run"].replace("${{ github.event.number }}", "17"))
            done.append(Repository(checkout).run(*command, PATH=path, GITHUB_STEP_SUMMARY=summary))
    return done


@pytest.fixture
def upstream(tmp_path: Path) -> Repository:
    """A project with its package on `main`, which has a commit that `feature` lacks."""
    repository = Repository.create(tmp_path / "upstream")
    write_project(repository.folder / "project", {"models/one.sql": model("a.one", kind="FULL")})
    _generate(repository)
    repository.commit("first")
    repository.git("branch", "feature")
    repository.write("README.md", "another change")
    repository.commit("second")
    return repository


def _generate(repository: Repository) -> None:
    folder = repository.folder
    generate(Config(projects=(folder / "project",), out=folder / "defs"))


@pytest.mark.parametrize("generated", [True, False])
def test_a_pull_request(upstream: Repository, steps: list[dict[str, Any]], generated: bool) -> None:
    """A model is added on the branch; GitHub checks out the merge with main."""
    upstream.git("switch", "--quiet", "feature")
    upstream.write("project/models/two.sql", model("a.two", "SELECT id FROM db.a.one", kind="FULL"))
    if generated:
        _generate(upstream)
    upstream.commit("a second model")
    upstream.git("switch", "--quiet", "--create", "merged", "main")
    upstream.git("merge", "--quiet", "--no-ff", "--no-edit", "feature")
    checkout = upstream.folder.with_name("checkout")
    options = ["--quiet", "--branch", "merged", "--depth", str(steps[0]["with"]["fetch-depth"])]
    upstream.git("clone", *options, f"file://{upstream.folder}", checkout)

    check, comment = run(steps, checkout)
    assert (check.returncode, comment.returncode) == (0 if generated else 1, 0)
    assert ("two.py" in check.stdout + check.stderr) == (not generated)
    summary = (checkout / "step-summary").read_text(encoding="utf-8")
    said = "1 asset added, 1 edge added." if generated else "Nothing changed in the graph."
    assert said in summary
    assert summary == (checkout / "summary.md").read_text(encoding="utf-8")
    arguments = (checkout / "gh-arguments").read_text(encoding="utf-8")
    assert arguments.startswith("pr comment 17 ")
    assert arguments.rstrip().endswith("--body-file summary.md")
