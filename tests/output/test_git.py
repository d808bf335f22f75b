"""Real git repositories: which files are not tracked, and the package at revisions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from builders import fqn, model
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.output.git import RevisionRange, not_added, python_files_at
from e2e.repository import Repository
from packages import on_disk, package, write

pytestmark = pytest.mark.process

RAW = model("s.a.raw", query="SELECT 1", data_hash="1")
MART = model("s.a.mart", query="SELECT 2", data_hash="2", depends_on=(fqn("s.a.raw"),))
OTHER = model("s.a.other", query="SELECT 3")


def package_at(revision: str, folder: Path) -> Mapping[PurePosixPath, str]:
    old, new = python_files_at(RevisionRange(revision), folder)
    assert new is None
    return old


@pytest.fixture
def out(repository: Repository) -> Path:
    return repository.folder / "orchestration/defs"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose `main` has the package of one model, in a folder below the root."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):  # a hook that runs the tests
        monkeypatch.delenv(name, raising=False)
    repository = Repository.create(tmp_path / "repository")
    write(package(RAW), repository.folder / "orchestration/defs")
    repository.commit("one model")
    monkeypatch.chdir(repository.folder)
    return repository


def test_what_is_not_added(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write(".gitignore", "build/\n")
    names = ("old", "staged", "new", "ß x", "models/build/ignored")
    files = [repository.write(f"defs/{name}.py", name) for name in names]
    repository.git("add", "defs/old.py")
    repository.git("commit", "--quiet", "--message", "one")
    repository.git("add", "defs/staged.py")
    repository.write("defs/old.py", "changed")

    for out in (Path("defs"), repository.folder / "defs"):
        assert not_added(files, out) == tuple(files[2:])
    monkeypatch.chdir(repository.folder / "defs")
    assert not_added([Path("old.py"), Path("new.py")], Path()) == (Path("new.py"),)


def test_the_files_of_a_revision(repository: Repository, out: Path) -> None:
    shutil.rmtree(out)
    write(package(RAW, MART), out)
    (out / "models" / "notes.txt").write_text("not a module")
    repository.commit("two models")

    assert package_at("HEAD~1", out) == package(RAW)
    assert package_at("main", out) == package(RAW, MART) == on_disk(out)


@pytest.mark.parametrize("name", ["größe", "a b", "-x", "[x]*", ":(top)x"])
def test_folders_with_odd_names(repository: Repository, name: str) -> None:
    out = write(package(MART), repository.folder / name)
    repository.commit("another package")
    assert package_at("HEAD", out) == package(MART)


def test_the_root_of_the_repository_and_a_folder_that_is_gone(repository: Repository) -> None:
    out = write(package(MART), repository.folder)
    repository.commit("a package in the root")
    at_root = package_at("HEAD", out)
    assert at_root.items() >= package(MART).items()
    shutil.rmtree(repository.folder / "orchestration")
    assert package_at("HEAD", repository.folder / "orchestration/defs") == package(RAW)


def test_a_relative_folder_and_a_link(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository.folder / "orchestration")
    (repository.folder / "link").symlink_to("orchestration/defs")
    for folder in ("defs", "../orchestration/defs", "../link"):
        assert package_at("HEAD", Path(folder)) == package(RAW)


def test_a_folder_that_the_revision_does_not_have_is_empty(repository: Repository) -> None:
    assert package_at("HEAD", repository.folder / "elsewhere/defs") == {}
    assert package_at("HEAD", repository.folder / "orchestration/defs/definitions.py") == {}


def test_gitattributes_do_not_change_the_text_and_links_are_left_out(
    repository: Repository, out: Path
) -> None:
    (repository.folder / ".gitattributes").write_text("*.py export-ignore ident text eol=crlf\n")
    (out / "models" / "link.py").symlink_to("__init__.py")
    repository.commit("attributes and a link")
    assert package_at("HEAD", out) == package(RAW)


def test_in_a_git_hook(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git sets variables for a hook, relative to its working directory."""
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert package_at("HEAD", out) == package(RAW)


# ---- ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", RevisionRange("main")),
        ("v1.0", RevisionRange("v1.0")),
        ("a..b", RevisionRange("a", "b")),
        ("a..", RevisionRange("a", "HEAD")),
        ("..b", RevisionRange("HEAD", "b")),
        ("a...b", RevisionRange("a", "b", from_merge_base=True)),
        ("HEAD~1...", RevisionRange("HEAD~1", "HEAD", from_merge_base=True)),
    ],
)
def test_ranges(text: str, expected: RevisionRange) -> None:
    assert RevisionRange.parse(text) == expected


def test_one_revision_two_and_where_they_parted(repository: Repository, out: Path) -> None:
    assert python_files_at(RevisionRange("main"), out) == (package(RAW), None)
    repository.git("switch", "--quiet", "--create", "branch")
    write(package(RAW, MART), out)
    repository.commit("a model")
    repository.git("switch", "--quiet", "main")
    write(package(OTHER), out)
    repository.commit("meanwhile, another")

    both = package(RAW) | package(OTHER), package(RAW, MART)
    assert python_files_at(RevisionRange.parse("main..branch"), out) == both
    since_parting = package(RAW), package(RAW, MART)
    assert python_files_at(RevisionRange.parse("main...branch"), out) == since_parting


# ---- errors


def error(revision: str, folder: Path) -> str:
    with pytest.raises(UsageError) as raised:
        python_files_at(RevisionRange.parse(revision), folder)
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("revisions", "unknown"),
    [
        *((each, each) for each in ("nowhere", "-x", "--all", "HEAD:orchestration", "a b")),
        ("main..nowhere", "nowhere"),
    ],
)
def test_an_unknown_revision(out: Path, revisions: str, unknown: str) -> None:
    assert error(revisions, out) == (
        f"the git repository of {out} has no revision {unknown}."
        " Fetch it first (actions/checkout: fetch-depth: 0)."
    )


def test_no_revision_and_no_repository(repository: Repository, tmp_path: Path) -> None:
    assert "--against has no revision" in error(" ", tmp_path)
    message = error("main", tmp_path / "defs")
    assert message.startswith(f"{tmp_path / 'defs'} cannot be compared with a git revision: not a")
    assert message.endswith("Run the command in the git repository that contains the package.")
    with pytest.raises(UsageError, match=r"is outside repository.* Use --hook in the git rep"):
        not_added([], tmp_path / "elsewhere")


def test_revisions_without_a_common_commit(repository: Repository, out: Path) -> None:
    repository.git("switch", "--quiet", "--orphan", "alone")
    repository.commit("alone")
    assert "have no commit in common" in error("main...alone", out)


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository.folder))
    assert error("main", repository.folder) == "the command git is not installed. Install git."
    with pytest.raises(UsageError, match="git is not installed"):
        not_added([], Path("defs"))
