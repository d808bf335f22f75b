"""What the loading of a project touches, from Python's own audit events (PEP 578).

Every file that is opened for reading is heard, through whatever library, and in the processes
that SQLMesh forks to load models; so is every folder that is listed, and every variable that is
read. What leaves the process (a connection, a program that is started) has an answer that nobody
can know to be the same the next time. Not heard, because Python has no event for it: the clock,
random numbers, whether a file exists, and what a native library such as DuckDB opens by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import source_from_cache
from pathlib import Path
from types import FrameType

from . import variables
from .library import is_library

_LEAVES = {
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "sqlite3.connect",
    "subprocess.Popen",
}
_FOLDERS = {"os.listdir", "os.scandir"}
_EVENTS = {"open", "os.rename", *_FOLDERS, *_LEAVES}
_PATHS = {"files", "folders", "imports", "written"}
_EMPTIED = os.O_TRUNC | os.O_EXCL
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_IMPORTER = "<frozen importlib._bootstrap_external>"
_DOTENV = "dotenv.main"
_ALL = ""  # no variable has that name
# What python-dotenv replaces in a value (its README: "Variable expansion").
_EXPANDED = re.compile(r"\$\{([^}:]+)")


class Seen:
    """What was touched so far.

    Attributes:
        files: absolute paths that were opened for reading, there or not.
        folders: absolute paths that were listed.
        imports: absolute paths in which Python looked for a module.
        written: absolute paths that were written; who reads one afterwards reads nothing new.
        names: environment variables that were read.
        loaded: modules that were there before, and that Python did not load again.
        whole: somebody went through the whole environment.
        leaves: events that left the process.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.imports: set[str] = set()
        self.written: set[str] = set()
        self.names: set[str] = set()
        self.leaves: set[str] = set()
        self.loaded: set[str] = set()
        self.whole = False
        self._modules = dict(sys.modules)
        self._dotenvs: set[str] = set()
        self._process = os.getpid()
        # Forked processes share it, position included: what they touch is appended.
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `collect`

    def hear(self, event: str, arguments: tuple[object, ...], caller: FrameType) -> None:
        """Note one audit event; `caller` is what caused it."""
        if event in _LEAVES:
            self._note("leaves", event)
        elif event == "open":
            self._opened(*arguments)
            if caller.f_globals.get("__name__") == _DOTENV:
                self._note("_dotenvs", _absolute(arguments[0]))
        elif event == "os.rename":
            self._note("written", _absolute(arguments[1]))
        else:
            kind = "imports" if caller.f_code.co_filename == _IMPORTER else "folders"
            self._note(kind, _absolute(arguments[0] if arguments else "."))

    def read_variable(self, name: str | None) -> None:
        """Note a variable that was read; None is all of them."""
        self._note("names", _ALL if name is None else name)

    def collect(self) -> None:
        """Add what forked processes told."""
        self._told.seek(0)
        for line in self._told.read().splitlines():
            kind, text = json.loads(line)
            self._note(kind, text)
        self._told.close()
        self.loaded = {file for file in self._kept() if not is_library(file)}
        self.whole = _ALL in self.names
        self.names.discard(_ALL)
        for path in self._dotenvs:
            with contextlib.suppress(OSError):
                text = Path(path).read_text(encoding="utf-8", errors="replace")
                self.names.update(_EXPANDED.findall(text))

    def _kept(self) -> Iterator[str]:
        for name, module in self._modules.items():
            file = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(file, str) and sys.modules.get(name) is module:
                yield os.path.abspath(file)

    def _opened(self, path: object, mode: object = None, flags: object = 0) -> None:
        absolute = _absolute(path)
        how = flags if isinstance(flags, int) else 0
        if absolute is None or how & _FOLDER:
            return
        if how & os.O_WRONLY or how & _EMPTIED:
            self._note("written", absolute)
        elif absolute not in self.written:
            self._note("files", _source(absolute))

    def _note(self, kind: str, text: str | None) -> None:
        if text is None or (kind in _PATHS and is_library(text)):
            return
        noted: set[str] = getattr(self, kind)
        if text not in noted:
            noted.add(text)
            if os.getpid() != self._process:
                os.write(self._told.fileno(), f"{json.dumps((kind, text))}\n".encode())


@contextmanager
def observed() -> Iterator[Seen]:
    """Note what is touched inside; it is complete afterwards."""
    global _active  # noqa: PLW0603 - an audit hook is one for the process, and cannot be removed
    _install()
    seen = Seen()
    before, _active = _active, seen
    try:
        with variables.listening(seen.read_variable):
            yield seen
    finally:
        _active = before
        seen.collect()


_active: Seen | None = None
_installed = False


def _install() -> None:
    global _installed  # noqa: PLW0603
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _active is not None and event in _EVENTS:
        _active.hear(event, arguments, sys._getframe(1))


def _absolute(path: object) -> str | None:
    """Return the absolute path; None for a descriptor, which was a path when it was opened."""
    if path is None:
        path = "."
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    with contextlib.suppress(OSError):  # the working directory is gone
        return os.path.abspath(os.fsdecode(path))
    return None


def _source(path: str) -> str:
    """Return the module that byte code was made of: it is what people change."""
    if path.endswith(".pyc"):
        with contextlib.suppress(ValueError):
            return source_from_cache(path)
    return path
