"""The hooks that `.pre-commit-hooks.yaml` offers, run by the real pre-commit in real commits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.output.mode import Mode
from e2e.hooked import ONE_SQL, TWO_SQL, Hooked, Offer, new_repository
from e2e.repository import Repository, environment

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("hook")]

CHECK = "dg-sqlmesh-codegen-check"
NEW_SQL = "analytics/project/models/new.sql"
# What is generated from them.
ONE = "analytics/defs/models/warehouse/a/one.py"
TWO = "analytics/defs/models/warehouse/a/two.py"
NEW = "analytics/defs/models/warehouse/a/new.py"
INDEX = "analytics/defs/models/__init__.py"


@pytest.fixture(scope="module")
def offer(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Offer:
    folder = tmp_path_factory.mktemp("offer")
    repository = Repository.create(folder / "hooks")
    text = (root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    repository.write(".pre-commit-hooks.yaml", text)
    repository.commit()
    rev = repository.git("rev-parse", "HEAD").strip()
    return Offer(repository.folder, rev, folder / "pre-commit")


@pytest.fixture(scope="module")
def first_run(offer: Offer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Hooked, str]:
    """A repository after its first commit, and what the commit before it was refused with."""
    hooked = new_repository(tmp_path_factory.mktemp("first") / "repository", offer.home)
    offer.configure(hooked)
    hooked.add(".")
    assert hooked.run("pre-commit", "install").returncode == 0
    said = hooked.refused()
    hooked.add(".")
    hooked.committed()
    return hooked, said


@pytest.fixture
def hooked(first_run: tuple[Hooked, str], tmp_path: Path) -> Hooked:
    original, _ = first_run
    shutil.copytree(original.repository.folder, tmp_path / "repository", symlinks=True)
    return Hooked(Repository(tmp_path / "repository"), original.home)


def test_the_first_run_writes_the_package_and_asks_for_it(first_run: tuple[Hooked, str]) -> None:
    hooked, said = first_run

    # pre-commit itself would have let it pass: it looks at files that git tracks.
    assert "files were modified by this hook" not in said
    assert "7 of the package's files are not in git:\n  analytics/defs/__init__.py\n" in said
    assert "Run: git add analytics/defs\n" in said
    assert {ONE, TWO, INDEX, "analytics/defs/definitions.py"} <= hooked.files()


def test_a_changed_model(hooked: Hooked) -> None:
    hooked.set_model(ONE_SQL)
    hooked.add(".")

    said = hooked.refused()
    assert "files were modified by this hook" in said
    assert "Run: git add analytics/defs\n" in said
    assert hooked.repository.status() == {f"M  {ONE_SQL}", f" M {ONE}"}
    # Trying again does not help: what is not added is not in the commit.
    hooked.refused()
    hooked.add(ONE)
    hooked.committed()
    assert hooked.repository.status() == set()


def test_an_added_model_whose_module_is_forgotten(hooked: Hooked) -> None:
    hooked.set_model(NEW_SQL)
    hooked.add(".")
    hooked.refused()
    assert hooked.repository.status() == {f"A  {NEW_SQL}", f" M {INDEX}", f"?? {NEW}"}

    # `--all` commits files that git tracks: the new module, which nothing rewrites now, is not.
    said = hooked.refused("--all")
    assert (
        f"1 of the package's files are not in git:\n  {NEW}\nRun: git add analytics/defs\n" in said
    )
    hooked.add("analytics/defs")
    hooked.committed()
    assert hooked.repository.status() == set()


def test_a_deleted_model(hooked: Hooked) -> None:
    hooked.repository.git("rm", "--quiet", TWO_SQL)

    assert "files were modified by this hook" in hooked.refused()
    assert hooked.repository.status() == {f"D  {TWO_SQL}", f" D {TWO}", f" M {INDEX}"}


def test_a_broken_model(hooked: Hooked) -> None:
    hooked.repository.write(ONE_SQL, "MODEL (name a.one);\nSELECT FROM WHERE")
    hooked.add(".")

    said = hooked.refused()
    assert "- exit code: 3\n" in said
    assert "error: SQLMesh cannot load project: " in said
    assert "Traceback" not in said
    assert hooked.repository.status() == {f"M  {ONE_SQL}"}


def test_a_hand_edited_module(hooked: Hooked) -> None:
    generated = hooked.repository.read(ONE)
    hooked.repository.replace(ONE, "skippable=True", "skippable=False")
    hooked.add(".")

    assert "files were modified by this hook" in hooked.refused()
    assert hooked.repository.read(ONE) == generated
    hooked.add(".")
    assert hooked.repository.status() == set()


def test_what_is_not_staged_does_not_count(hooked: Hooked) -> None:
    hooked.set_model(ONE_SQL)
    hooked.repository.write("README.md", "# Unrelated\n")
    hooked.add("README.md")

    # pre-commit hides the model that is not staged: the package is up to date.
    assert "Passed" in hooked.committed()
    assert hooked.repository.status() == {f" M {ONE_SQL}"}


def test_the_check_writes_nothing(hooked: Hooked, offer: Offer) -> None:
    offer.configure(hooked, hook=CHECK)
    hooked.set_model(NEW_SQL)
    hooked.add(".")

    said = hooked.refused()
    assert "files were modified by this hook" not in said
    assert f"{INDEX} is out of date\n{NEW} is missing\nRun: python -m dg_sqlmesh_codegen" in said
    assert not [line for line in hooked.repository.status() if line[1] != " "]
    hooked.generate()
    assert "Run: git add analytics/defs\n" in hooked.refused("--all")


def test_only_where_files_decide_an_unrelated_commit_skips_it(hooked: Hooked, offer: Offer) -> None:
    offer.configure(hooked, "always_run: false")
    hooked.repository.write("README.md", "# Unrelated\n")
    hooked.add(".")
    skipped = "(no files to check)Skipped"
    assert skipped in hooked.committed()

    # The reason for `always_run: true`. When this fails, pre-commit has learnt to see deletions.
    hooked.repository.git("rm", "--quiet", TWO_SQL)
    assert skipped in hooked.committed()
    assert hooked.generate(Mode.CHECK).exit_code == 1


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


def test_the_files_that_decide(offer: Offer, tmp_path: Path) -> None:
    hooked = Hooked(Repository.create(tmp_path / "repository"), offer.home)
    relevant, every = set(RELEVANT.split()), {*RELEVANT.split(), *IRRELEVANT.split()}
    for path in every:
        hooked.repository.write(path, "x\n")
    names = ("entry: echo", "pass_filenames: true", "always_run: false", "verbose: true")
    offer.configure(hooked, *names)
    hooked.add(".")

    done = hooked.run("pre-commit", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(done.stdout.split()) & every == relevant


def test_the_example_s_configuration(hooked: Hooked, root: Path) -> None:
    example = root / "generated_example" / "deploy" / "pre-commit-config.yaml"
    text = example.read_text(encoding="utf-8")
    paths = ("project -o defs", "analytics/project -o analytics/defs")
    assert paths[0] in text
    hooked.repository.write(".pre-commit-config.yaml", text.replace(*paths))
    hooked.set_model(ONE_SQL)
    hooked.add(".")

    assert "files were modified by this hook" in hooked.refused()


@pytest.mark.network
def test_installed_by_pre_commit(root: Path, tmp_path: Path) -> None:
    """pre-commit clones this repository, builds it and installs it with all it needs."""
    command = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode or Path(done.stdout.splitlines()[0]) != root.resolve():
        pytest.skip("pre-commit installs hooks from git, and this is no checkout")
    hooked = new_repository(tmp_path / "repository", tmp_path / "pre-commit")
    # What the project's Python imports is not there unless the configuration asks for it.
    hooked.configure(root, done.stdout.splitlines()[1], "additional_dependencies: [faker]")
    macro = "import faker\nfrom sqlmesh import macro\n\n@macro()\ndef version(evaluator):\n"
    hooked.repository.write(
        "analytics/project/macros/fake.py", f"{macro}    return faker.VERSION\n"
    )
    hooked.set_model(ONE_SQL, "SELECT @version() AS id")
    hooked.add(".")
    try:
        assert hooked.run("pre-commit", "install", "--install-hooks").returncode == 0
        assert "7 of the package's files are not in git:" in hooked.refused()
        hooked.add(".")
        hooked.committed()
        assert ONE in hooked.files()
    finally:
        shutil.rmtree(hooked.home, ignore_errors=True)  # half a gigabyte
