"""A generated package as it was at a git revision, by the command `git`; nothing is checked out."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.errors import UsageError

from .model import Package

# Set while git runs a hook: they would point every git command at the hook's repository.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True, slots=True)
class Range:
    """What `--against` names: the old revision, and the new one; None is what is generated now."""

    old: str
    new: str | None = None
    from_merge_base: bool = False

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read `REV`, `REV1..REV2`, or `REV1...REV2` (from where the two parted).

        As in git, a revision that is left out beside the dots is HEAD.

        Raises:
            UsageError: the text is empty.
        """
        if not text.strip():
            raise UsageError("--against names no revision", hint="Say --against origin/main.")
        old, dots, new = _split(text)
        if not dots:
            return cls(text)
        return cls(old or "HEAD", new or "HEAD", dots == "...")


def _split(text: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"(.*?)(\.\.\.?)(.*)", text, re.DOTALL)
    return (match[1], match[2], match[3]) if match else (text, "", "")


def packages_of(revisions: Range, folder: Path) -> tuple[Package, Package | None]:
    """Return the Python files of a package as they were at both revisions.

    Args:
        revisions: whatever git takes for commits: branches, tags, `HEAD~1`, hashes.
        folder: the package's folder; it need not exist any more.

    Returns:
        Text by path relative to the folder, nothing where a revision does not have the folder; None
        for a new side that is what is generated now.

    Raises:
        UsageError: the folder is in no git repository, a revision is unknown, the two have nothing
            in common, or there is no git.
    """
    repository = _Repository.of(folder)
    old = repository.commit(revisions.old)
    if revisions.new is None:
        return repository.package(old), None
    new = repository.commit(revisions.new)
    if revisions.from_merge_base:
        old = repository.merge_base(old, new)
    return repository.package(old), repository.package(new)


@dataclass(frozen=True, slots=True)
class _Repository:
    """A package's folder as git sees it: a folder to run in, and the path from the root."""

    folder: Path
    inside: Path
    path: PurePosixPath

    @classmethod
    def of(cls, folder: Path) -> _Repository:
        absolute = folder.resolve()
        inside = next(path for path in (absolute, *absolute.parents) if path.is_dir())
        found = _git(inside, "rev-parse", "--show-prefix")
        if found.returncode:
            raise UsageError(
                f"{folder} cannot be compared with a git revision",
                detail=_reason(found),
                hint="Run it in the repository that the package is checked in to.",
            )
        prefix = os.fsdecode(found.stdout.removesuffix(b"\n"))
        return cls(folder, inside, PurePosixPath(prefix, absolute.relative_to(inside)))

    def commit(self, revision: str) -> str:
        """Return the hash of a revision's commit."""
        # After --end-of-options, a revision that begins with a dash is still a revision.
        arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = _git(self.inside, "rev-parse", *arguments)
        if found.returncode:
            raise UsageError(
                f"the git repository of {self.folder} knows no revision {revision}",
                hint="Fetch it first (actions/checkout: fetch-depth: 0).",
            )
        return found.stdout.decode().strip()

    def merge_base(self, one: str, other: str) -> str:
        """Return the commit at which two revisions parted."""
        found = _git(self.inside, "merge-base", one, other)
        if found.returncode:
            raise UsageError(
                f"the two revisions of {self.folder} have no commit in common",
                hint="Fetch their history (actions/checkout: fetch-depth: 0), or say REV1..REV2.",
            )
        return found.stdout.decode().strip()

    def package(self, commit: str) -> Package:
        """Return the Python files below the folder; symbolic links and submodules are none."""
        tree = f"{commit}:{self.path}" if self.path.parts else f"{commit}^{{tree}}"
        listing = _git(self.inside, "ls-tree", "-r", "-z", "--full-tree", tree)
        if listing.returncode:  # the folder is not there, or is a file
            return {}
        blobs = [_blob(entry) for entry in listing.stdout.split(b"\0") if entry]
        wanted = {path: name for mode, name, path in blobs if mode in _FILES and _is_python(path)}
        return dict(zip(wanted, self._texts(list(wanted.values())), strict=True))

    def _texts(self, blobs: list[str]) -> list[str]:
        # One process for all of them. Unlike `git archive` it hands out what was committed,
        # whatever .gitattributes say of line endings and exports.
        found = _git(self.inside, "cat-file", "--batch", stdin="\n".join([*blobs, ""]).encode())
        return [text.decode("utf-8", errors="surrogateescape") for text in _batch(found.stdout)]


_FILES = ("100644", "100755")


def _blob(entry: bytes) -> tuple[str, str, PurePosixPath]:
    """Return mode, hash and path of a line of `git ls-tree`."""
    head, _, path = entry.partition(b"\t")
    mode, _, name = head.decode().split()
    return mode, name, PurePosixPath(os.fsdecode(path))


def _is_python(path: PurePosixPath) -> bool:
    return path.suffix == ".py"


def _batch(output: bytes) -> list[bytes]:
    """Split what `git cat-file --batch` prints: `<hash> blob <size>`, and so many bytes."""
    texts = []
    start = 0
    while start < len(output):
        end = output.index(b"\n", start)
        size = int(output[start:end].split()[-1])
        texts.append(output[end + 1 : end + 1 + size])
        start = end + size + 2
    return texts


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {k: v for k, v in os.environ.items() if k not in _HOOK_VARIABLES}
    try:
        return subprocess.run(  # noqa: S603 - no shell, and a revision is never read as an option
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that the user has
            input=stdin,
            capture_output=True,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        raise UsageError(
            "a comparison with a git revision needs the command git, and there is none",
            hint="Install git.",
        ) from error


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"git exits with {done.returncode}"
