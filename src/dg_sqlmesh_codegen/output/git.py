"""Every call of the command `git`: which files it tracks, and the package at a revision."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from dg_sqlmesh_codegen.errors import UsageError

# Git sets these while it runs a hook. With them, every git command would use the hook's repository.
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


def not_added(files: Iterable[Path], out: Path) -> tuple[Path, ...]:
    """Return the files that git does not track, so that a commit would miss them.

    Ignored files are untracked, too. The package's folder `out` has to be in the repository of the
    working directory.

    Raises:
        UsageError: git is not installed, or the folder is not in its repository.
    """
    # In the working directory and with the hook's variables: GIT_INDEX_FILE is relative to it.
    done = _git(None, "ls-files", "--others", "-z", "--", str(out))
    if done.returncode:
        raise UsageError(
            f"--hook cannot ask git about {out}",
            detail=_reason(done),
            hint="Use --hook in the git repository that contains the package, or leave it out.",
        )
    untracked = {Path(os.fsdecode(name)).resolve() for name in done.stdout.split(b"\0") if name}
    return tuple(file for file in files if file.resolve() in untracked)


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """The value of `--against`: the old revision and the new one (None: the package as it is now).

    With `from_merge_base`, the old side is the commit where the two revisions parted.
    """

    old: str
    new: str | None = None
    from_merge_base: bool = False

    @classmethod
    def parse(cls, text: str) -> RevisionRange:
        """Parse `REV`, `REV1..REV2` or `REV1...REV2`. As in git, a missing side is HEAD.

        Raises:
            UsageError: the text is empty.
        """
        if not text.strip():
            hint = "Name one, as in --against origin/main."
            raise UsageError("--against has no revision", hint=hint)
        match = re.fullmatch(r"(.*?)(\.\.\.?)(.*)", text, re.DOTALL)
        if not match:
            return cls(text)
        return cls(match[1] or "HEAD", match[3] or "HEAD", match[2] == "...")


def python_files_at(
    revisions: RevisionRange, folder: Path
) -> tuple[Mapping[PurePosixPath, str], Mapping[PurePosixPath, str] | None]:
    """Return the Python files of a folder, which may be gone, at both revisions.

    Returns:
        For each revision, the text of each file by its path relative to the folder; empty if the
        revision does not have the folder. The second item is None if the range has no new revision.

    Raises:
        UsageError: the folder is in no git repository, a revision is unknown, the two have no
            commit in common, or git is not installed.
    """
    absolute = folder.resolve()
    there = next(path for path in (absolute, *absolute.parents) if path.is_dir())
    inside = f"./{absolute.relative_to(there).as_posix()}"
    found = _git(there, "rev-parse", "--git-dir")
    if found.returncode:
        raise UsageError(
            f"{folder} cannot be compared with a git revision",
            detail=_reason(found),
            hint="Run the command in the git repository that contains the package.",
        )
    old = _commit(there, revisions.old, folder)
    if revisions.new is None:
        return _python_files(there, f"{old}:{inside}"), None
    new = _commit(there, revisions.new, folder)
    if revisions.from_merge_base:
        old = _hash(
            _git(there, "merge-base", old, new),
            f"the two revisions of {folder} have no commit in common",
            "Fetch their history (actions/checkout: fetch-depth: 0), or use REV1..REV2.",
        )
    return _python_files(there, f"{old}:{inside}"), _python_files(there, f"{new}:{inside}")


def _commit(directory: Path, revision: str, folder: Path) -> str:
    # After --end-of-options, git does not read a leading dash as an option.
    arguments = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return _hash(
        _git(directory, "rev-parse", *arguments),
        f"the git repository of {folder} has no revision {revision}",
        "Fetch it first (actions/checkout: fetch-depth: 0).",
    )


def _hash(done: subprocess.CompletedProcess[bytes], problem: str, hint: str) -> str:
    """Return the hash that a git command has printed; where it has failed, raise that problem."""
    if done.returncode:
        raise UsageError(problem, hint=hint)
    return done.stdout.decode().strip()


def _python_files(directory: Path, tree: str) -> dict[PurePosixPath, str]:
    """Return the text of the Python files in a tree, which is relative to the directory."""
    listing = _git(directory, "ls-tree", "-r", "-z", "--full-tree", tree)
    blobs = {}  # none if the commit has no such folder: then git fails and prints nothing
    for entry in listing.stdout.split(b"\0")[:-1]:
        head, _, name = entry.partition(b"\t")
        mode, _, blob = head.split()
        if mode.startswith(b"100") and name.endswith(b".py"):  # no links and no submodules
            blobs[PurePosixPath(os.fsdecode(name))] = blob
    # One process for all files. Unlike `git archive`, it returns the committed text, whatever
    # .gitattributes says about line endings and exports.
    stdin = b"".join(blob + b"\n" for blob in blobs.values())
    output = BytesIO(_git(directory, "cat-file", "--batch=%(objectsize)", stdin=stdin).stdout)
    texts = {}
    for path in blobs:  # of each, its size in a line, and its text with a line break
        text = output.read(int(output.readline()) + 1)[:-1]
        texts[path] = text.decode("utf-8", errors="surrogateescape")
    return texts


def _git(
    folder: Path | None, *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; None is the working directory, with the variables of a running hook."""
    left_out = _HOOK_VARIABLES if folder else ()
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    try:
        return subprocess.run(  # noqa: S603 - no shell, and git never reads a revision as an option
            ["git", *arguments],  # noqa: S607 - the git that the user has
            cwd=folder,
            input=stdin,
            capture_output=True,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        raise UsageError("the command git is not installed", hint="Install git.") from error


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"git exits with {done.returncode}"
