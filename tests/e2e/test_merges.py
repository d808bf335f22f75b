"""Branches that meet: real merges, and what the generator makes of the conflicts they leave."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.mode import Mode
from dg_sqlmesh_codegen.pipeline import Report, generate
from dg_sqlmesh_codegen.rendering.header import MARK
from e2e.repository import Repository
from projects import model, write_project

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("merges")]

INDEX = "defs/models/__init__.py"
DEFINITIONS = "defs/definitions.py"
ORDERS = "defs/models/warehouse/staging/orders.py"
ORDERS_SQL = "project/models/staging/orders.sql"
# SQLMesh names the catalog after the file.
CONFIG = """
gateways:
  local:
    connection: {type: duckdb, database: warehouse.db}
model_defaults: {dialect: duckdb, start: 2026-01-01, cron: "@daily"}
disable_anonymized_analytics: true
"""
MODELS = ("marts.customers", "marts.products", "marts.revenue", "staging.items", "staging.orders")

Step = Callable[["Branches"], None]


@dataclass(frozen=True, slots=True)
class Branches:
    """A repository with a project and its package, both committed."""

    repository: Repository

    def generate(self, mode: Mode = Mode.WRITE, out: str = "defs") -> Report:
        folder = self.repository.folder
        return generate(Config(projects=(folder / "project",), out=folder / out), mode)

    def set_model(self, name: str, query: str = "SELECT 1 AS id", **properties: str) -> None:
        path = f"project/models/{name.replace('.', '/')}.sql"
        self.repository.write(path, model(name, query, kind="FULL", **properties))

    def branch(self, name: str, change: Step) -> None:
        """Commit a change and the package it leads to, on a branch from `main`."""
        self.repository.git("switch", "--quiet", "--create", name, "main")
        change(self)
        self.repository.commit(name)

    def merge(self, ours: Step, theirs: Step) -> set[str]:
        """Merge two branches, and return the files with conflicts."""
        self.branch("ours", ours)
        self.branch("theirs", theirs)
        self.repository.git("switch", "--quiet", "ours")
        done = self.repository.run("git", "merge", "--no-edit", "theirs")
        unmerged = self.repository.git("diff", "--name-only", "--diff-filter=U").splitlines()
        assert (done.returncode == 0) == (not unmerged), done.stdout + done.stderr
        return set(unmerged)

    def package(self, out: str = "defs") -> dict[str, str]:
        folder = self.repository.folder / out
        paths = (path for path in folder.rglob("*.py") if path.is_file())
        return {str(path.relative_to(folder)): path.read_text("utf-8") for path in paths}

    def assert_current(self) -> None:
        """The package is, byte for byte, what a folder without a history would get."""
        self.generate(out="fresh")
        assert self.package() == self.package("fresh")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Branches:
    repository = Repository.create(tmp_path_factory.mktemp("base") / "repository")
    write_project(repository.folder / "project", {}, config=CONFIG)
    branches = Branches(repository)
    for name in MODELS:
        branches.set_model(name)
    branches.generate()
    repository.commit()
    return branches


@pytest.fixture
def branches(base: Branches, tmp_path: Path) -> Branches:
    """A copy of a project with its package, both committed on `main`."""
    shutil.copytree(base.repository.folder, tmp_path / "repository")
    return Branches(Repository(tmp_path / "repository"))


def setting(name: str, query: str = "SELECT 1 AS id", **properties: str) -> Step:
    def apply(branches: Branches) -> None:
        branches.set_model(name, query, **properties)
        branches.generate()

    return apply


def removing(name: str) -> Step:
    def apply(branches: Branches) -> None:
        (branches.repository.folder / f"project/models/{name.replace('.', '/')}.sql").unlink()
        branches.generate()

    return apply


# One line of the sorted list between the two is enough for git, be it another schema's.
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("marts.churn", "staging.returns"),  # different schemas
        ("marts.churn", "marts.profit"),  # one schema
        ("marts.churn", "marts.margin"),  # with one model between them
        ("export.mails", "staging.returns"),  # in a schema that is new
    ],
)
def test_two_branches_that_each_add_a_model(ours: str, theirs: str, branches: Branches) -> None:
    assert branches.merge(setting(ours), setting(theirs)) == set()
    branches.assert_current()


def test_a_branch_adds_a_model_and_another_removes_one(branches: Branches) -> None:
    assert branches.merge(setting("marts.churn"), removing("staging.items")) == set()
    branches.assert_current()


def test_neighbours_conflict_and_generating_resolves_it(branches: Branches) -> None:
    conflicts = branches.merge(setting("marts.margin"), setting("marts.orders"))

    assert conflicts == {INDEX}
    branches.generate()
    branches.assert_current()
    branches.repository.commit("merged")
    assert {"marts/margin.py", "marts/orders.py"} <= {
        path.removeprefix("models/warehouse/") for path in branches.package()
    }


def test_with_the_union_driver_of_git_neighbours_do_not_conflict(branches: Branches) -> None:
    branches.repository.write(".gitattributes", f"{INDEX} merge=union\n")
    branches.repository.git("add", ".gitattributes")
    branches.repository.git("commit", "--quiet", "--message", "attributes")

    # In alphabetical order, whichever branch is merged into which, only by luck.
    assert branches.merge(setting("marts.orders"), setting("marts.margin")) == set()
    index = branches.repository.read(INDEX)
    assert index.count("warehouse__marts__margin") == index.count("warehouse__marts__orders") == 2
    branches.generate()
    branches.assert_current()


def test_both_change_a_model(branches: Branches) -> None:
    conflicts = branches.merge(
        setting("staging.orders", "SELECT 2 AS id"), setting("staging.orders", "SELECT 3 AS id")
    )

    assert conflicts == {ORDERS_SQL, ORDERS}
    branches.set_model("staging.orders", "SELECT 2 + 3 AS id")  # as a person resolves it
    assert branches.generate(Mode.CHECK).exit_code == 1
    branches.generate()
    branches.assert_current()


def test_both_add_the_same_model(branches: Branches) -> None:
    conflicts = branches.merge(
        setting("marts.churn", "SELECT 2 AS id", owner="one"),
        setting("marts.churn", "SELECT 3 AS id", cron="'@hourly'"),
    )

    generated = "defs/models/warehouse/marts/churn.py"
    assert {generated, "project/models/marts/churn.sql"} <= conflicts
    branches.set_model("marts.churn", "SELECT 3 AS id")
    branches.generate()
    branches.assert_current()


def test_both_change_the_schedule(branches: Branches) -> None:
    conflicts = branches.merge(
        setting("marts.revenue", cron="'*/5 * * * *'"),
        setting("staging.orders", cron="'*/10 * * * *'"),
    )

    assert conflicts == {DEFINITIONS}
    assert "<<<<<<<" in branches.repository.read(DEFINITIONS)
    branches.generate()
    branches.assert_current()


def test_one_changes_a_model_that_the_other_removes(branches: Branches) -> None:
    conflicts = branches.merge(
        setting("staging.orders", "SELECT 2 AS id"), removing("staging.orders")
    )

    assert conflicts == {ORDERS_SQL, ORDERS}
    (branches.repository.folder / ORDERS_SQL).unlink()
    branches.generate()
    branches.assert_current()
    assert not (branches.repository.folder / ORDERS).exists()


def with_first_lines(change: Step, words: str) -> Step:
    """Return the change, with what a version of this tool might add to its first lines."""

    def apply(branches: Branches) -> None:
        change(branches)
        for path in (DEFINITIONS, ORDERS):
            first, rest = branches.repository.read(path).split("\n", 1)
            branches.repository.write(path, f"{first} {words}\n{rest}")

    return apply


@pytest.fixture(params=["merge", "diff3", "zdiff3"])
def first_line_conflicts(branches: Branches, request: pytest.FixtureRequest) -> Branches:
    """A merge that leaves two generated files with a conflict in their first line."""
    branches.repository.git("config", "merge.conflictStyle", request.param)
    conflicts = branches.merge(
        with_first_lines(setting("staging.orders", "SELECT 2 AS id"), "one"),
        with_first_lines(setting("staging.orders", "SELECT 3 AS id"), "two"),
    )
    assert conflicts == {ORDERS_SQL, ORDERS, DEFINITIONS}
    for path in (ORDERS, DEFINITIONS):
        first, second = branches.repository.read(path).split("\n")[:2]
        assert first.startswith("<<<<<<< ")
        assert second.startswith(MARK.rstrip("."))
    return branches


def test_a_conflict_in_the_first_line(first_line_conflicts: Branches) -> None:
    first_line_conflicts.set_model("staging.orders", "SELECT 2 + 3 AS id")
    report = first_line_conflicts.generate(Mode.CHECK)

    different = {f"defs/{change.path}" for change in report.different}
    assert different == {ORDERS, DEFINITIONS}
    first_line_conflicts.generate()
    first_line_conflicts.assert_current()


def test_a_conflict_in_the_first_line_of_a_model_that_goes(first_line_conflicts: Branches) -> None:
    (first_line_conflicts.repository.folder / ORDERS_SQL).unlink()
    first_line_conflicts.generate()

    first_line_conflicts.assert_current()
    assert not (first_line_conflicts.repository.folder / ORDERS).exists()
