"""The record's file: one for each output folder, in the user's cache folder.

It is safe to delete, and safe to be read while another process writes it. Whatever is wrong with
it, it is as if it was not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import platformdirs

from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.rendering.files import File, NamedSchedule, Rendered

from .before import Before
from .inputs import Inputs
from .variables import Variables

# Where records are kept, if not in the user's cache folder.
FOLDER = "DG_SQLMESH_CODEGEN_CACHE_DIR"
_NAME = "dg-sqlmesh-codegen"
_FORMAT = 1
# The clock is no input that can be recorded, so nothing is believed for longer than this.
_DAY = 24 * 60 * 60
# Output folders that nobody generates into any more.
_FORGOTTEN = 30 * _DAY
# A record, or what a killed process left of one: the folder may be one that others use, too.
_OURS = re.compile(r"[0-9a-f]{32}(\w{8})?\.json(?(1)\.tmp)")


@dataclass(frozen=True, slots=True)
class Record:
    """A package, and all that it was made of."""

    inputs: Inputs
    rendered: Rendered

    def holds(self, before: Before) -> bool:
        """Whether a full run would make the same package."""
        age = time.time_ns() - self.inputs.before.at
        return 0 <= age < _DAY * 1_000_000_000 and self.inputs.same(before)


def read(out: Path) -> Record | None:
    """Return what was known of the package in a folder; None where nothing can be read."""
    path = location(out)
    try:
        digest, _, text = path.read_bytes().partition(b"\n")
        if digest != _digest(text):
            return None
        return _record(json.loads(text))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(out: Path, record: Record) -> None:
    """Keep what is known; where the folder cannot be written, nothing is kept."""
    path = location(out)
    # Escapes keep bytes that are no text (a file's name) as they are.
    text = json.dumps({"format": _FORMAT, **asdict(record)}, default=_plain).encode()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        _forget(path.parent)
        # Others may not read it: it holds the text of the models. `mkstemp` sees to that.
        descriptor, temporary = tempfile.mkstemp(".json.tmp", path.stem, path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_digest(text) + b"\n" + text)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)


def forget(out: Path) -> None:
    """Keep nothing of a package whose inputs are not known."""
    with contextlib.suppress(OSError):
        location(out).unlink(missing_ok=True)


def location(out: Path) -> Path:
    """Return where the record of an output folder is kept."""
    name = hashlib.blake2b(os.fsencode(out.resolve()), digest_size=16).hexdigest()
    folder = os.environ.get(FOLDER) or platformdirs.user_cache_dir(_NAME, appauthor=False)
    return Path(folder) / f"{name}.json"


def _forget(folder: Path) -> None:
    """Remove records that nobody has asked for in a long time, and no file of anybody else."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if _OURS.fullmatch(path.name) and time.time() - path.stat().st_mtime > _FORGOTTEN:
                path.unlink()


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).hexdigest().encode()


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, PurePosixPath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that a record holds")


def _record(data: dict[str, Any]) -> Record:
    if data["format"] != _FORMAT:
        raise ValueError(data["format"])
    inputs = data["inputs"]
    variables, before = inputs["variables"], inputs["before"]
    return Record(
        Inputs(
            before=Before(
                **{
                    **before,
                    "ignored": frozenset(before["ignored"]),
                    "path": tuple(before["path"]),
                }
            ),
            variables=Variables(**{**variables, "names": tuple(variables["names"])}),
            files=inputs["files"],
            folders=inputs["folders"],
            modules=inputs["modules"],
            read=frozenset(inputs["read"]),
        ),
        _rendered(data["rendered"]),
    )


def _rendered(data: dict[str, Any]) -> Rendered:
    return Rendered(
        **{
            **data,
            "files": tuple(map(_file, data["files"])),
            "schedules": tuple(map(_schedule, data["schedules"])),
            "notes": tuple(data["notes"]),
        }
    )


def _file(data: dict[str, Any]) -> File:
    return File(PurePosixPath(data["path"]), data["text"])


def _schedule(data: dict[str, Any]) -> NamedSchedule:
    crons = data["crons"]
    return NamedSchedule(
        name=data["name"],
        function=Identifier(data["function"]),
        timezone=data["timezone"],
        crons=crons if isinstance(crons, str) else tuple(crons),
    )
