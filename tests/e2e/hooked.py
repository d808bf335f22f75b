"""A repository in which pre-commit runs our hook, and a repository that offers it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.mode import Mode
from dg_sqlmesh_codegen.pipeline import Report, generate
from e2e.repository import Repository
from projects import model, write_project

TOOLS = Path(sys.executable).parent
HOOK = "dg-sqlmesh-codegen"
ONE_SQL = "analytics/project/models/one.sql"
TWO_SQL = "analytics/project/models/two.sql"
ARGUMENTS = "args: [analytics/project, -o, analytics/defs]"


@dataclass(frozen=True, slots=True)
class Hooked:
    """A repository in which every commit runs the hook."""

    repository: Repository
    home: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(TOOLS), os.environ["PATH"]])
        variables = {"PRE_COMMIT_HOME": str(self.home), "PATH": path, "COLUMNS": "80"}
        return self.repository.run(*command, **variables)

    def configure(self, url: Path, rev: str, *lines: str, hook: str = HOOK) -> None:
        """Write a configuration of the hook, with further settings."""
        settings = "".join(f"        {line}\n" for line in (ARGUMENTS, *lines))
        text = (
            f"repos:\n  - repo: {url}\n    rev: {rev}\n    hooks:\n      - id: {hook}\n{settings}"
        )
        self.repository.write(".pre-commit-config.yaml", text)
        self.repository.git("add", ".pre-commit-config.yaml")

    def set_model(self, path: str, query: str = "SELECT 2 AS id") -> None:
        self.repository.write(path, model(f"a.{Path(path).stem}", query, kind="FULL"))

    def generate(self, mode: Mode = Mode.WRITE) -> Report:
        """Generate in this process, which is quicker."""
        folder = self.repository.folder / "analytics"
        return generate(Config(projects=(folder / "project",), out=folder / "defs"), mode)

    def refused(self, *options: str) -> str:
        """Try to commit, which the hook has to prevent, and return what was printed."""
        before = self.head()
        done = self.run("git", "commit", "--message", "refused", *options)
        assert done.returncode == 1, done.stdout + done.stderr
        assert self.head() == before
        return done.stdout + done.stderr

    def committed(self, *options: str) -> str:
        """Commit, which the hook has to let pass, and return what was printed."""
        before = self.head()
        done = self.run("git", "commit", "--message", "committed", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.head() != before
        return done.stdout + done.stderr

    def head(self) -> str:
        done = self.run("git", "rev-parse", "--verify", "HEAD")
        return done.stdout if done.returncode == 0 else "no commit"

    def files(self) -> set[str]:
        """Return the files in the last commit."""
        return set(self.repository.git("ls-tree", "-r", "--name-only", "HEAD").splitlines())

    def add(self, *paths: str) -> None:
        self.repository.git("add", "--all", *paths)


@dataclass(frozen=True, slots=True)
class Offer:
    """A repository that holds `.pre-commit-hooks.yaml` and nothing else, and pre-commit's cache.

    With `language: system` in a configuration the hooks of the file are run as they stand there,
    by this environment's command.
    """

    url: Path
    rev: str
    home: Path

    def configure(self, hooked: Hooked, *lines: str, hook: str = HOOK) -> None:
        hooked.configure(self.url, self.rev, "language: system", *lines, hook=hook)


def new_repository(folder: Path, home: Path) -> Hooked:
    """Make a repository with a project of two models in a folder of it, and nothing committed."""
    repository = Repository.create(folder)
    hooked = Hooked(repository, home)
    write_project(folder / "analytics" / "project", {})
    for path in (ONE_SQL, TWO_SQL):
        hooked.set_model(path, "SELECT 1 AS id")
    return hooked
