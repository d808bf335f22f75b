"""Which files of a package git does not track."""

from __future__ import annotations

from pathlib import Path

import pytest

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output.git import not_added
from e2e.repository import PERSON, Repository

pytestmark = pytest.mark.process


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name, value in PERSON.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):  # a hook that runs the tests
        monkeypatch.delenv(name, raising=False)
    repository = Repository.create(tmp_path / "repository")
    monkeypatch.chdir(repository.folder)
    return repository


def test_staged_and_committed_files_are_tracked(repository: Repository) -> None:
    files = [repository.write(f"defs/{name}.py", name) for name in ("old", "staged", "new", "ß x")]
    repository.git("add", "defs/old.py")
    repository.git("commit", "--quiet", "--message", "one")
    repository.git("add", "defs/staged.py")
    repository.write("defs/old.py", "changed")

    assert not_added(files, Path("defs")) == (files[2], files[3])
    assert not_added(files, repository.folder / "defs") == (files[2], files[3])
    assert not_added(files[:2], Path("defs")) == ()


def test_ignored_files_are_untracked_and_other_files_are_left_out(repository: Repository) -> None:
    repository.write(".gitignore", "build/\n")
    file = repository.write("defs/models/build/orders.py", "")
    repository.write("defs/notes.txt", "")

    assert not_added([file], Path("defs")) == (file,)


def test_relative_paths(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write("analytics/defs/one.py", "")
    monkeypatch.chdir(repository.folder / "analytics")

    assert not_added([Path("defs/one.py")], Path("defs")) == (Path("defs/one.py"),)


def test_no_repository(tmp_path: Path, repository: Repository) -> None:
    with pytest.raises(UsageError, match="is outside repository") as error:
        not_added([], tmp_path / "elsewhere")

    assert error.value.hint.startswith("Use --hook in the git repository that contains the package")


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))

    with pytest.raises(UsageError, match="git is not installed"):
        not_added([], Path("defs"))
