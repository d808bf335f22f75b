"""The example's GitHub Actions job: its own steps, in a checkout like the one GitHub makes.

The tests cannot reach GitHub. A clone of the merge commit with the depth of the job replaces
`actions/checkout`, and a script that writes down its arguments replaces `gh`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.mode import Mode
from dg_sqlmesh_codegen.pipeline import generate
from e2e.repository import Repository
from projects import model, write_project

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("github_job")]

NUMBER = "17"
GH = """#!/bin/sh
printf '%s\\n' "$*" > gh-arguments
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A step's script, and whether it also runs after a failed step."""

    script: str
    always: bool


@dataclass(frozen=True, slots=True)
class Job:
    """The steps that run this tool, and the depth of the checkout."""

    depth: int
    steps: tuple[Step, ...]

    @classmethod
    def read(cls, file: Path) -> Job:
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        steps: list[Mapping[str, object]] = workflow["jobs"]["defs"]["steps"]
        settings = steps[0]["with"]
        assert isinstance(settings, dict)
        scripts = [
            Step(str(step["run"]), step.get("if") == "always()")
            for step in steps
            if "run" in step and "pip install" not in str(step["run"])
        ]
        return cls(settings["fetch-depth"], tuple(scripts))

    def run(self, checkout: Path) -> list[subprocess.CompletedProcess[str]]:
        """Run the steps as GitHub does, and return the results of those that ran."""
        bin_folder = checkout.parent / "bin"
        bin_folder.mkdir()
        (bin_folder / "gh").write_text(GH, encoding="utf-8")
        (bin_folder / "gh").chmod(0o755)
        path = [str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]]
        variables = {
            "PATH": os.pathsep.join(path),
            "GITHUB_STEP_SUMMARY": str(checkout / "step-summary"),
        }
        done: list[subprocess.CompletedProcess[str]] = []
        for step in self.steps:
            if step.always or not any(each.returncode for each in done):
                script = step.script.replace("${{ github.event.number }}", NUMBER)
                done.append(Repository(checkout).run("bash", "-e", "-c", script, **variables))
        return done


@pytest.fixture(scope="module")
def job(root: Path) -> Job:
    return Job.read(root / "generated_example" / "deploy" / "github-workflow.yaml")


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
    generate(Config(projects=(folder / "project",), out=folder / "defs"), Mode.WRITE)


def pull_request(upstream: Repository, job: Job, *, generated: bool) -> Path:
    """Add a model on the branch, and check out what GitHub checks out: the merge with main."""
    upstream.git("switch", "--quiet", "feature")
    upstream.write("project/models/two.sql", model("a.two", "SELECT id FROM db.a.one", kind="FULL"))
    if generated:
        _generate(upstream)
    upstream.commit("a second model")
    upstream.git("switch", "--quiet", "--create", "merged", "main")
    upstream.git("merge", "--quiet", "--no-ff", "--no-edit", "feature")
    checkout = upstream.folder.with_name("checkout")
    options = ["--quiet", "--branch", "merged", "--depth", str(job.depth)]
    upstream.git("clone", *options, f"file://{upstream.folder}", checkout)
    return checkout


def test_a_pull_request_with_the_generated_changes(upstream: Repository, job: Job) -> None:
    checkout = pull_request(upstream, job, generated=True)

    assert [step.returncode for step in job.run(checkout)] == [0, 0]
    summary = (checkout / "step-summary").read_text(encoding="utf-8")
    assert "1 asset added, 1 edge added." in summary
    assert summary == (checkout / "summary.md").read_text(encoding="utf-8")
    arguments = (checkout / "gh-arguments").read_text(encoding="utf-8")
    assert arguments.startswith(f"pr comment {NUMBER} ")
    assert arguments.rstrip().endswith("--body-file summary.md")


def test_a_pull_request_without_the_generated_changes(upstream: Repository, job: Job) -> None:
    checkout = pull_request(upstream, job, generated=False)
    check, comment = job.run(checkout)

    assert check.returncode == 1
    assert "two.py" in check.stdout + check.stderr
    assert comment.returncode == 0
    summary = (checkout / "step-summary").read_text(encoding="utf-8")
    assert "Nothing changed in the graph." in summary
