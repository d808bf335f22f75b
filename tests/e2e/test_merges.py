"""Branches that meet: real merges, and what the generator makes of the conflicts they leave."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.report import Mode
from dg_sqlmesh_codegen.pipeline import Report, generate
from e2e.repository import Repository
from packages import on_disk
from projects import model, write_project

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("merges")]

INDEX = "defs/models/__init__.py"
AUDITS = "defs/audits.py"
DEFINITIONS = "defs/definitions.py"
ORDERS = "defs/models/warehouse/staging/orders.py"
ORDERS_SQL = "project/models/staging/orders.sql"
CHURN = "defs/models/warehouse/marts/churn.py"
CHURN_SQL = "project/models/marts/churn.sql"
MODELS = ("marts.customers", "marts.products", "marts.revenue", "staging.items", "staging.orders")

Step = Callable[["Branches"], object]


@dataclass(frozen=True, slots=True)
class Branches:
    """A repository with a project and its package, both committed."""

    repository: Repository

    def generate(self, mode: Mode = Mode.WRITE, out: str = "defs") -> Report:
        folder = self.repository.folder
        return generate(Config(projects=(folder / "project",), out=folder / out), mode)

    def set_model(self, name: str, query: str = "SELECT 1 AS id", **properties: str) -> None:
        path = f"project/models/{name.replace('.', '/')}.sql"
        properties = {"kind": "FULL", "cron": "'@daily'", **properties}
        self.repository.write(path, model(name, query, **properties))

    def branch(self, name: str, change: Step) -> None:
        """Commit a change and the package it leads to, on a branch from `main`."""
        self.repository.git("switch", "--quiet", "--create", name, "main")
        change(self)
        self.generate()
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

    def assert_current(self) -> None:
        """The package is, byte for byte, what a folder without a history would get."""
        self.generate(out="fresh")
        folder = self.repository.folder
        assert on_disk(folder / "defs") == on_disk(folder / "fresh")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Branches:
    repository = Repository.create(tmp_path_factory.mktemp("base") / "repository")
    write_project(repository.folder / "project", {})
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
    return lambda branches: branches.set_model(name, query, **properties)


def removing(path: str) -> Step:
    return lambda branches: (branches.repository.folder / path).unlink()


# One line of the sorted list between the two is enough for git, be it another schema's.
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (setting("marts.churn"), setting("staging.returns")),  # different schemas
        (setting("marts.churn"), setting("marts.profit")),  # one schema
        (setting("marts.churn"), setting("marts.margin")),  # with one model between them
        (setting("export.mails"), setting("staging.returns")),  # in a schema that is new
        (setting("marts.churn"), removing("project/models/staging/items.sql")),
    ],
)
def test_without_a_conflict_the_merged_package_is_current(
    ours: Step, theirs: Step, branches: Branches
) -> None:
    assert branches.merge(ours, theirs) == set()
    branches.assert_current()


TWO, THREE = "SELECT 2 AS id", "SELECT 3 AS id"
CONFLICTS: dict[str, tuple[Step, Step, set[str], Step | None]] = {
    "neighbours": (setting("marts.margin"), setting("marts.orders"), {INDEX}, None),
    "one model": (
        setting("staging.orders", TWO),
        setting("staging.orders", THREE),
        {ORDERS_SQL, ORDERS},
        setting("staging.orders", "SELECT 2 + 3 AS id"),
    ),
    "one new model": (
        setting("marts.churn", TWO, owner="one"),
        setting("marts.churn", THREE, cron="'@hourly'"),
        {CHURN_SQL, CHURN},
        setting("marts.churn", THREE),
    ),
    "the schedule": (
        setting("marts.revenue", cron="'*/5 * * * *'"),
        setting("staging.orders", cron="'*/10 * * * *'"),
        {DEFINITIONS},
        None,
    ),
    "one new audit": (
        setting("staging.orders", audits="(forall(criteria := (id > 0)))"),
        setting("marts.revenue", audits="(number_of_rows(threshold := 1))"),
        {AUDITS},
        None,
    ),
    "a model that goes": (
        setting("staging.orders", TWO),
        removing(ORDERS_SQL),
        {ORDERS_SQL, ORDERS},
        removing(ORDERS_SQL),
    ),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_generating_resolves_a_conflict_of_the_package(name: str, branches: Branches) -> None:
    ours, theirs, conflicts, resolve = CONFLICTS[name]
    assert branches.merge(ours, theirs) == conflicts
    if resolve:
        resolve(branches)  # as a person does in the SQL

    assert branches.generate(Mode.CHECK).exit_code == 1
    branches.generate()
    branches.assert_current()


def test_with_the_union_driver_of_git_neighbours_do_not_conflict(branches: Branches) -> None:
    branches.repository.write(".gitattributes", f"{INDEX} merge=union\n")
    branches.repository.commit("attributes")

    # In alphabetical order, whichever branch is merged into which, only by luck.
    assert branches.merge(setting("marts.orders"), setting("marts.margin")) == set()
    index = branches.repository.read(INDEX)
    assert index.count("warehouse__marts__margin") == index.count("warehouse__marts__orders") == 2
    branches.generate()
    branches.assert_current()
