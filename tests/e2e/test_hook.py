"""The hooks that `.pre-commit-hooks.yaml` offers, run by the real pre-commit in real commits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from e2e.repository import Repository
from projects import model, write_project

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("hook")]

HOOK, CHECK = "dg-sqlmesh-codegen", "dg-sqlmesh-codegen-check"
SQL = "analytics/project/models/{}.sql"
ONE_SQL, TWO_SQL, NEW_SQL = map(SQL.format, ("one", "two", "new"))
# What is generated from them.
MODULE = "analytics/defs/models/warehouse/a/{}.py"
ONE, TWO, NEW = map(MODULE.format, ("one", "two", "new"))
INDEX = "analytics/defs/models/__init__.py"
ARGUMENTS = "args: [analytics/project, -o, analytics/defs]"


@dataclass(frozen=True, slots=True)
class Hooked(Repository):
    """A repository in which every commit runs the hook that a repository beside it offers."""

    @classmethod
    def make(cls, folder: Path) -> Hooked:
        """Make a repository with a project of two models in a folder of it; commit nothing."""
        repository = cls(Repository.create(folder).folder)
        write_project(folder / "analytics" / "project", {})
        for path in (ONE_SQL, TWO_SQL):
            repository.set_model(path, "SELECT 1 AS id")
        return repository

    def tool(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program that finds our command and pre-commit, which has a cache of its own."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        home = str(self.folder.parent / "pre-commit")
        return self.run(*command, PRE_COMMIT_HOME=home, PATH=path, COLUMNS="80")

    def configure(self, url: Path, rev: str, *lines: str, hook: str = HOOK) -> None:
        """Write a configuration of the hook, with further settings."""
        settings = "".join(f"        {line}\n" for line in (ARGUMENTS, *lines))
        text = (
            f"repos:\n  - repo: {url}\n    rev: {rev}\n    hooks:\n      - id: {hook}\n{settings}"
        )
        self.write(".pre-commit-config.yaml", text)
        self.git("add", ".pre-commit-config.yaml")

    def set_model(self, path: str, query: str = "SELECT 2 AS id") -> None:
        self.write(path, model(f"a.{Path(path).stem}", query, kind="FULL"))

    def use_offer(self, *lines: str, hook: str = HOOK) -> None:
        """Configure the hook as it stands in the offer, with this environment's command."""
        offer = Repository(self.folder.parent / "offer")
        rev = offer.git("rev-parse", "HEAD").strip()
        self.configure(offer.folder, rev, "language: system", *lines, hook=hook)

    def commit_with_hook(self, *options: str, refused: bool = False) -> str:
        """Commit, which the hook has to let pass or to prevent, and return what was printed."""
        done = self.tool("git", "commit", "--message", "with the hook", *options)
        assert done.returncode == int(refused), done.stdout + done.stderr
        return done.stdout + done.stderr

    def refused(self, *options: str) -> str:
        return self.commit_with_hook(*options, refused=True)

    def add(self, *paths: str) -> None:
        self.git("add", "--all", *paths)


@pytest.fixture(scope="module")
def first_run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Hooked, str]:
    """A repository after its first commit, and what the commit before it was refused with."""
    folder = tmp_path_factory.mktemp("first")
    offer = Repository.create(folder / "offer")
    shutil.copy(root / ".pre-commit-hooks.yaml", offer.folder)
    offer.commit()
    hooked = Hooked.make(folder / "repository")
    hooked.use_offer()
    hooked.add(".")
    assert hooked.tool("pre-commit", "install").returncode == 0
    said = hooked.refused()
    hooked.add(".")
    hooked.commit_with_hook()
    return hooked, said


@pytest.fixture
def hooked(first_run: tuple[Hooked, str], tmp_path: Path) -> Hooked:
    shutil.copytree(first_run[0].folder.parent, tmp_path / "copy", symlinks=True)
    return Hooked(tmp_path / "copy" / "repository")


def test_the_first_run_writes_the_package_and_asks_for_it(first_run: tuple[Hooked, str]) -> None:
    hooked, said = first_run

    # pre-commit itself would have let it pass: it looks at files that git tracks.
    assert "files were modified by this hook" not in said
    assert "7 of the package's files are not in git:\n  analytics/defs/__init__.py\n" in said
    assert "Run: git add analytics/defs\n" in said
    committed = set(hooked.git("ls-tree", "-r", "--name-only", "HEAD").splitlines())
    assert {ONE, TWO, INDEX, "analytics/defs/definitions.py"} <= committed


CHANGES: dict[str, tuple[Callable[[Hooked], object], set[str]]] = {
    "a changed model": (
        lambda hooked: hooked.set_model(ONE_SQL),
        {f"M  {ONE_SQL}", f" M {ONE}"},
    ),
    "a deleted model": (
        lambda hooked: hooked.git("rm", "--quiet", TWO_SQL),
        {f"D  {TWO_SQL}", f" D {TWO}", f" M {INDEX}"},
    ),
    "a module edited by hand": (
        lambda hooked: hooked.replace(ONE, "code_version=", "code_version= "),
        {f"MM {ONE}"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_commit_of_a_package_that_is_not_current_is_refused(name: str, hooked: Hooked) -> None:
    change, status = CHANGES[name]
    change(hooked)
    hooked.add(".")

    said = hooked.refused()
    assert "files were modified by this hook" in said
    assert "Run: git add analytics/defs\n" in said
    assert hooked.status() == status
    # Trying again does not help: what is not added is not in the commit.
    hooked.refused()
    hooked.add(".")
    hooked.commit_with_hook("--allow-empty")
    assert hooked.status() == set()


def test_an_added_model_whose_module_is_forgotten(hooked: Hooked) -> None:
    hooked.set_model(NEW_SQL)
    hooked.add(".")
    hooked.refused()
    assert hooked.status() == {f"A  {NEW_SQL}", f" M {INDEX}", f"?? {NEW}"}

    # `--all` commits files that git tracks: the new module, which nothing rewrites now, is not.
    said = hooked.refused("--all")
    assert (
        f"1 of the package's files are not in git:\n  {NEW}\nRun: git add analytics/defs\n" in said
    )
    hooked.add("analytics/defs")
    hooked.commit_with_hook()
    assert hooked.status() == set()


def test_a_broken_model(hooked: Hooked) -> None:
    hooked.write(ONE_SQL, "MODEL (name a.one);\nSELECT FROM WHERE")
    hooked.add(".")

    said = hooked.refused()
    assert "- exit code: 3\n" in said
    assert "error: SQLMesh cannot load project: " in said
    assert "Traceback" not in said
    assert hooked.status() == {f"M  {ONE_SQL}"}


def test_what_is_not_staged_does_not_count(hooked: Hooked) -> None:
    hooked.set_model(ONE_SQL)
    hooked.write("README.md", "# Unrelated\n")
    hooked.add("README.md")

    # pre-commit hides the model that is not staged: the package is up to date.
    assert "Passed" in hooked.commit_with_hook()
    assert hooked.status() == {f" M {ONE_SQL}"}


def test_the_check_writes_nothing(hooked: Hooked) -> None:
    hooked.use_offer(hook=CHECK)
    hooked.set_model(NEW_SQL)
    hooked.add(".")

    said = hooked.refused()
    assert "files were modified by this hook" not in said
    assert f"{INDEX} is out of date\n{NEW} is missing\nRun: python -m dg_sqlmesh_codegen" in said
    assert not [line for line in hooked.status() if line[1] != " "]


def test_only_where_files_decide_an_unrelated_commit_skips_it(hooked: Hooked) -> None:
    hooked.use_offer("always_run: false")
    hooked.write("README.md", "# Unrelated\n")
    hooked.add(".")
    skipped = "(no files to check)Skipped"
    assert skipped in hooked.commit_with_hook()

    # The reason for `always_run: true`. When this fails, pre-commit has learnt to see deletions.
    hooked.git("rm", "--quiet", TWO_SQL)
    assert skipped in hooked.commit_with_hook()


RELEVANT = """
config.yaml sqlmesh.yml some/where/config.py some/where/models/deep/er/one.sql
some/where/models/two.py some/where/models/schema.yml some/where/audits/a.sql
some/where/macros/__init__.py some/where/seeds/countries.csv some/where/signals/ready.py
some/where/materializations/own.py some/where/external_models.yaml
some/where/external_models/source.yaml some/where/schema.yaml some/where/.env
dbt/dbt_project.yml dbt/profiles.yml dbt/packages.yml dbt/snapshots/orders.sql pyproject.toml
src/pack/defs/shop/defs.yaml src/pack/defs/shop/definitions.py
src/pack/defs/shop/models/__init__.py templates/model.py.jinja
"""
IRRELEVANT = """
README.md setup.py some/where/tests/test_one.yaml some/where/notebooks/look.ipynb
web/remodels/a.ts web/my_config.yaml web/config.yaml.md .github/workflows/ci.yaml
"""


def test_the_files_that_decide(root: Path) -> None:
    for hook in yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")):
        every = f"{RELEVANT} {IRRELEVANT}".split()
        assert [path for path in every if re.search(hook["files"], path)] == RELEVANT.split()


@pytest.mark.network
def test_installed_by_pre_commit(root: Path, tmp_path: Path) -> None:
    """pre-commit clones this repository, builds it and installs it with all it needs."""
    rev = Repository(root).git("rev-parse", "HEAD").strip()
    hooked = Hooked.make(tmp_path / "repository")
    # What the project's Python imports is not there unless the configuration asks for it.
    hooked.configure(root, rev, "additional_dependencies: [faker]")
    macro = "import faker\nfrom sqlmesh import macro\n\n@macro()\ndef version(evaluator):\n"
    hooked.write("analytics/project/macros/fake.py", f"{macro}    return faker.VERSION\n")
    hooked.set_model(ONE_SQL, "SELECT @version() AS id")
    hooked.add(".")
    try:
        assert hooked.tool("pre-commit", "install", "--install-hooks").returncode == 0
        assert "7 of the package's files are not in git:" in hooked.refused()
        hooked.add(".")
        hooked.commit_with_hook()
    finally:
        shutil.rmtree(tmp_path / "pre-commit", ignore_errors=True)  # half a gigabyte
