"""A git repository in a temporary folder, and what git counts in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The tests may run inside a git hook: no setting of that repository or user applies here.
PERSON = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
IGNORED = ".cache/\n__pycache__/\n*.db\n*.duckdb\n"


def environment(**more: str) -> dict[str, str]:
    """Return this process's variables, with a git that reads no user's configuration."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**inherited, **PERSON, **more}


@dataclass(frozen=True, slots=True)
class FileDiff:
    """A file that a diff names: `status` is git's letter (A, D, M, R), `path` the new one."""

    status: str
    path: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree with its `.git`."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Repository:
        """Make an empty repository that ignores what SQLMesh and Python leave behind."""
        folder.mkdir(parents=True, exist_ok=True)
        repository = cls(folder)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.write(".gitignore", IGNORED)
        return repository

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the working tree, whatever its exit code."""
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=environment(**variables),
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *arguments: str | Path) -> str:
        """Run a git command that has to succeed, and return what it printed."""
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, message: str = "change") -> None:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def write(self, path: str, text: str) -> Path:
        """Write a file, and the folders above it."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.folder / path).read_text(encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a file exactly once."""
        text = self.read(path)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        self.write(path, text.replace(old, new))

    def status(self) -> set[str]:
        """Return the lines of `git status --short`."""
        return set(self.git("status", "--short", "--untracked-files=all").splitlines())

    def diff(self, folder: str) -> set[FileDiff]:
        """Return what a pull request would show of a folder: renamed files recognised."""
        self.git("add", "--all")
        options = ["--cached", "-z", "--find-renames", "--raw", "--numstat", "--", folder]
        return set(_files(iter(self.git("diff", *options).split("\0"))))

    def clean(self) -> None:
        """Go back to the last commit; what git ignores stays, SQLMesh's cache among it."""
        self.git("reset", "--quiet", "--hard")
        self.git("clean", "--quiet", "-d", "--force")


def _files(fields: Iterator[str]) -> Iterator[FileDiff]:
    """Read `--raw --numstat -z`: a renamed file has two paths in both."""
    statuses: dict[str, str] = {}
    for field in fields:
        if field.startswith(":"):
            status = field.rsplit(" ", 1)[1][0]
            old = next(fields)
            statuses[next(fields) if status == "R" else old] = status
        elif field:
            added, removed, path = field.split("\t")
            if not path:
                next(fields)
                path = next(fields)
            yield FileDiff(statuses[path], path, int(added), int(removed))
