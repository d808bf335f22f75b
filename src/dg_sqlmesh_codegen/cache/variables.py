"""Which environment variables a project reads while it is loaded, and whether they are the same.

A project's YAML, its config.py, its macros and dbt all end at `os.environ`, so that is where one
has to listen. Values can be secrets: nothing but one salted digest of them is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# SQLMesh goes through all variables for those that start with its name, and some are read when it
# is imported, before anybody listens. HOME leads to its personal configuration.
_PREFIX = "sqlmesh"
_ALWAYS = ("HOME", "TZ", "USERPROFILE")
# Who goes through the whole environment and means none of it: saving and restoring it, SQLMesh
# looking for its prefix, and python-dotenv, of whose `${NAME}` `observe` takes care.
_MEAN_NOTHING = {
    ("dg_sqlmesh_codegen.sqlmesh_project.configurations", "environment"),
    ("sqlmesh.utils", "env_vars"),
    ("sqlmesh.core.config.loader", "load_config_from_env"),
    ("dotenv.main", "resolve_variables"),
}
# What it asks for (TERM, COLUMNS ...) is where it prints to.
_PRINTER = "rich."
_PLUMBING = {"os", "collections.abc", "_collections_abc", __name__}


@dataclass(frozen=True, slots=True)
class Variables:
    """What was read of the environment.

    Args:
        names: the variables that were asked for, set or not.
        whole: something went through all of them, so each one counts.
        salt: of the digest.
        digest: of all names and values that count.
    """

    names: tuple[str, ...]
    whole: bool
    salt: str
    digest: str

    @classmethod
    def of(cls, names: frozenset[str], whole: bool) -> Variables:
        """Keep the present values of what was read."""
        ordered, salt = tuple(sorted(names)), os.urandom(16).hex()
        return cls(ordered, whole, salt, _digest(ordered, whole, salt))

    @property
    def same(self) -> bool:
        """Whether all that was read has the value that it had."""
        return self.digest == _digest(self.names, self.whole, self.salt)


def _digest(names: tuple[str, ...], whole: bool, salt: str) -> str:
    counted = {*names, *_ALWAYS}
    counted.update(name for name in os.environ if whole or name.lower().startswith(_PREFIX))
    values = [(name, os.environ.get(name)) for name in sorted(counted)]
    return hashlib.blake2b(json.dumps(values).encode(), key=bytes.fromhex(salt)).hexdigest()


def _nobody(name: str | None) -> None:
    """Listen to nothing."""


_tell: Callable[[str | None], None] = _nobody


@contextmanager
def listening(tell: Callable[[str | None], None]) -> Iterator[None]:
    """Tell the name of each variable that is read; None where somebody reads all of them.

    Those who hold `os.environ` already are heard, too: it stays the same object.
    """
    global _tell  # noqa: PLW0603 - `os.environ` is one for the process, and so is who listens
    before, _tell = _tell, tell
    kind = type(os.environ)
    os.environ.__class__ = _Environ  # a subclass without state
    try:
        yield
    finally:
        os.environ.__class__ = kind
        _tell = before


class _Environ(os._Environ[str]):
    """`os.environ` while somebody listens.

    Its class is private, but it is what makes setting a variable reach the process, and to take
    another object's place would leave those unheard who hold this one.
    """

    def __getitem__(self, key: str) -> str:
        if _means_something():
            _tell(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        if _means_something():
            _tell(None)
        return super().__iter__()

    def __repr__(self) -> str:
        _tell(None)
        return super().__repr__()


def _means_something() -> bool:
    """Whether who asked, whatever stands between, can make it a part of the package."""
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") in _PLUMBING and frame.f_back:
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__"))
    return (module, frame.f_code.co_name) not in _MEAN_NOTHING and not module.startswith(_PRINTER)
