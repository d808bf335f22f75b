"""Packages out of a real git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from builders import fqn, model
from dg_sqlmesh_codegen.change_report import summarize
from dg_sqlmesh_codegen.change_report.model import Package
from dg_sqlmesh_codegen.change_report.revisions import Range, packages_of
from dg_sqlmesh_codegen.errors import UsageError
from packages import on_disk, package, write

pytestmark = pytest.mark.process

RAW = model("s.a.raw", query="SELECT 1", data_hash="1")
MART = model("s.a.mart", query="SELECT 2", data_hash="2", depends_on=(fqn("s.a.raw"),))
GIT = shutil.which("git") or "git"


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody, whatever the machine's own configuration says."""
    environment = {
        **os.environ,
        **{"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"},
        **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "somebody@shop.example" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        [GIT, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def package_at(revision: str, folder: Path) -> Package:
    old, new = packages_of(Range(revision), folder)
    assert new is None
    return old


def commit(repository: Path, message: str) -> str:
    git(repository, "add", "--all")
    git(repository, "commit", "--allow-empty", "--quiet", "--message", message)
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose `main` has the package of one model, in a folder below the root."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    write(package(RAW), folder / "orchestration/defs")
    commit(folder, "one model")
    return folder


def test_a_package_as_it_was(repository: Path) -> None:
    out = repository / "orchestration/defs"
    shutil.rmtree(out)
    write(package(RAW, MART), out)
    (out / "models" / "notes.txt").write_text("not a module")
    commit(repository, "two models")

    assert package_at("HEAD~1", out) == package(RAW)
    assert package_at("main", out) == package(RAW, MART) == on_disk(out)
    summary = summarize(package_at("HEAD~1", out), on_disk(out))
    assert [asset.key for asset in summary.added] == [("s", "a", "mart")]


@pytest.mark.parametrize("name", ["größe", "a b", "-x", "[x]*", ":(top)x"])
def test_folders_with_odd_names(repository: Path, name: str) -> None:
    out = write(package(MART), repository / name)
    commit(repository, "another package")
    assert package_at("HEAD", out) == package(MART)


def test_the_root_of_the_repository_and_a_folder_that_is_gone(repository: Path) -> None:
    out = write(package(MART), repository)
    commit(repository, "a package in the root")
    at_root = package_at("HEAD", out)
    assert at_root.items() >= package(MART).items()
    shutil.rmtree(repository / "orchestration")
    assert package_at("HEAD", repository / "orchestration/defs") == package(RAW)


def test_a_relative_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "orchestration")
    assert package_at("HEAD", Path("defs")) == package(RAW)
    assert package_at("HEAD", Path("../orchestration/defs")) == package(RAW)


def test_a_folder_that_is_a_link(repository: Path) -> None:
    link = repository / "link"
    link.symlink_to("orchestration/defs")
    assert package_at("HEAD", link) == package(RAW)


def test_a_folder_that_the_revision_does_not_have_is_an_empty_package(repository: Path) -> None:
    assert package_at("HEAD", repository / "elsewhere/defs") == {}
    assert package_at("HEAD", repository / "orchestration/defs/definitions.py") == {}


def test_what_was_committed_counts_whatever_gitattributes_say(repository: Path) -> None:
    (repository / ".gitattributes").write_text("*.py export-ignore ident text eol=crlf\n")
    commit(repository, "attributes")
    assert package_at("HEAD", repository / "orchestration/defs") == package(RAW)


def test_a_link_in_the_package_is_no_module(repository: Path) -> None:
    out = repository / "orchestration/defs"
    (out / "models" / "link.py").symlink_to("__init__.py")
    commit(repository, "a link")
    assert PurePosixPath("models/link.py") not in package_at("HEAD", out)


def test_in_a_git_hook(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git tells a hook its own repository, relative to where it runs."""
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert package_at("HEAD", repository / "orchestration/defs") == package(RAW)


# ---- ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", Range("main")),
        ("v1.0", Range("v1.0")),
        ("a..b", Range("a", "b")),
        ("a..", Range("a", "HEAD")),
        ("..b", Range("HEAD", "b")),
        ("a...b", Range("a", "b", from_merge_base=True)),
        ("HEAD~1...", Range("HEAD~1", "HEAD", from_merge_base=True)),
    ],
)
def test_ranges(text: str, expected: Range) -> None:
    assert Range.parse(text) == expected


def test_two_revisions_and_where_they_parted(repository: Path) -> None:
    out = repository / "orchestration/defs"
    git(repository, "switch", "--quiet", "--create", "branch")
    write(package(RAW, MART), out)
    commit(repository, "a model")
    git(repository, "switch", "--quiet", "main")
    write(package(model("s.a.other", query="SELECT 3")), out)
    commit(repository, "meanwhile, another")

    old, new = packages_of(Range.parse("main..branch"), out)
    assert new is not None
    assert [asset.key[-1] for asset in summarize(old, new).removed] == ["other"]
    old, new = packages_of(Range.parse("main...branch"), out)
    assert new is not None
    assert [asset.key[-1] for asset in summarize(old, new).added] == ["mart"]
    assert not summarize(old, new).removed


def test_a_revision_and_what_is_there_now(repository: Path) -> None:
    assert packages_of(Range("main"), repository / "orchestration/defs") == (package(RAW), None)


# ---- errors


def error(revision: str, folder: Path) -> str:
    with pytest.raises(UsageError) as raised:
        packages_of(Range.parse(revision), folder)
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "revision", ["nowhere", "-x", "--all", "HEAD:orchestration", "main..", "a b"]
)
def test_an_unknown_revision(repository: Path, revision: str) -> None:
    out = repository / "orchestration/defs"
    if revision == "main..":
        revision = "main..nowhere"
    assert error(revision, out) == (
        f"the git repository of {out} knows no revision {revision.removeprefix('main..')}."
        " Fetch it first (actions/checkout: fetch-depth: 0)."
    )


def test_no_revision(repository: Path) -> None:
    assert "--against names no revision" in error(" ", repository)


def test_no_repository(tmp_path: Path) -> None:
    message = error("main", tmp_path / "defs")
    assert message.startswith(f"{tmp_path / 'defs'} cannot be compared with a git revision: not a")
    assert message.endswith("Run it in the repository that the package is checked in to.")


def test_revisions_without_a_common_commit(repository: Path) -> None:
    git(repository, "switch", "--quiet", "--orphan", "alone")
    commit(repository, "alone")
    assert "have no commit in common" in error("main...alone", repository / "orchestration/defs")


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert error("main", repository).endswith("and there is none. Install git.")
