"""What git knows of the package's files: a commit hook has to know it, too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from dg_sqlmesh_codegen.errors import UsageError


def not_added(files: Iterable[Path], out: Path) -> tuple[Path, ...]:
    """Return which files git's index does not hold, so that no commit would.

    Args:
        files: the package's files.
        out: the package's folder, in the repository of the working directory.

    Returns:
        Those that git does not track, ignored ones included, in the order given.

    Raises:
        UsageError: git is not installed, or the folder is not in its repository.
    """
    # In this directory, where git hooks run: git hands them a GIT_INDEX_FILE relative to it.
    command = ["git", "ls-files", "--others", "-z", "--", str(out)]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, check=True
        )
    except FileNotFoundError as error:
        raise UsageError("--hook asks git, which is not installed", hint=_HINT) from error
    except subprocess.CalledProcessError as error:
        detail = error.stderr.decode("utf-8", errors="replace")
        raise UsageError(f"--hook asks git about {out}", detail=detail, hint=_HINT) from error
    names = done.stdout.decode("utf-8", errors="surrogateescape").split("\0")
    untracked = {Path(name).resolve() for name in names if name}
    return tuple(file for file in files if file.resolve() in untracked)


_HINT = "Use --hook in the git repository that holds the package, or leave it out."
