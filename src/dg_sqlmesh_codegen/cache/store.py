"""What is kept of the last generation into an output folder, in the user's cache folder.

It is safe to delete. Whatever is wrong with it, the project is loaded and it is written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from dg_sqlmesh_codegen import private_files
from dg_sqlmesh_codegen.rendering.files import Contents, Rendered

from .inputs import Inputs

# Where records are kept instead of the user's cache folder.
FOLDER = "DG_SQLMESH_CODEGEN_CACHE_DIR"


class Record(BaseModel):
    """What a package was made from, and what it is: digests, and the numbers of the summary."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    inputs: Inputs
    output: str
    contents: Contents


def read(out: Path) -> Record | None:
    """Return the record of an output folder; None where there is none that can be read."""
    try:
        path = location(out)
        private_files.make_private(path.parent)
        return Record.model_validate_json(private_files.read(path))
    except (OSError, ValidationError, RecursionError):
        return None


def write(out: Path, inputs: Inputs, rendered: Rendered) -> None:
    """Keep the record of a generation; where the cache folder cannot be written, do nothing."""
    output = digest({each.path: each.text for each in rendered.files})
    record = Record(inputs=inputs, output=output, contents=rendered.contents)
    path = location(out)
    with contextlib.suppress(OSError):
        private_files.make_private(path.parent)
        private_files.write(path, record.model_dump_json().encode())


def location(out: Path) -> Path:
    """Return where the record of an output folder is kept."""
    name = hashlib.blake2b(os.fsencode(out.resolve()), digest_size=16).hexdigest()
    default = platformdirs.user_cache_path("dg-sqlmesh-codegen", appauthor=False)
    if not default.is_absolute():  # a user without a home, as in containers: nothing can be kept
        default = Path(os.devnull)
    return Path(os.environ.get(FOLDER) or default, f"{name}.json")


def digest(texts: Mapping[PurePosixPath, str]) -> str:
    """Return what stands for a package, whatever line endings git gives its files."""
    found = hashlib.blake2b()
    for path, text in sorted((str(path), text) for path, text in texts.items()):
        body = text.replace("\r\n", "\n").encode("utf-8", "surrogateescape")
        found.update(b"%s\0%d\0%s" % (path.encode(), len(body), body))
    return found.hexdigest()


def sqlmesh_cache(out: Path, inputs: Inputs | None, record: Record | None) -> Path | None:
    """Return a folder for SQLMesh's cache of parsed models; None where no cache can be believed.

    SQLMesh goes by the modification times of some files. So the folder is kept for the same
    `inputs.shared` only, and is cleared where a model has changed and its time does not say so.
    SQLMesh's cache holds pickles, which are code: nobody else may be able to write to the folder.
    """
    if inputs is None:
        return None
    known = record.inputs.models if record else {}
    changed = [path for path, digest in inputs.models.items() if known.get(path, digest) != digest]
    folder = location(out).with_suffix("")
    try:
        private_files.make_private(folder.parent)
        private_files.make_private(folder)
        written = location(out).stat().st_mtime_ns if record else 0
        misleading = [path for path in changed if Path(path).stat().st_mtime_ns <= written]
        for other in folder.iterdir():
            if record is None or misleading or other.name != inputs.shared:
                shutil.rmtree(other)
    except OSError:
        return None
    return folder / inputs.shared
