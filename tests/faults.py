"""Errors at a chosen call that touches the disk."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO, ParamSpec, TypeVar

import pytest

P = ParamSpec("P")
R = TypeVar("R")

TOUCHING = ("chmod", "mkdir", "open", "remove", "rename", "replace", "rmdir", "unlink")


@dataclass
class Fault:
    """Raises an error at the n-th call that touches the disk; a write has written half by then."""

    error: BaseException
    at: int
    calls: int = 0
    place: str = ""

    def wrap(self, name: str, original: Callable[P, R]) -> Callable[P, R]:
        def touching(*args: P.args, **kwargs: P.kwargs) -> R:
            if self.strikes(f"{name} {args[0]}"):
                raise self.error
            return original(*args, **kwargs)

        return touching

    def strikes(self, place: str) -> bool:
        self.calls += 1
        if self.calls != self.at + 1:
            return False
        self.place = place
        return True

    def open(self, original: Callable[P, IO[bytes]]) -> Callable[P, IO[bytes]]:
        opening = self.wrap("open", original)

        def touching(*args: P.args, **kwargs: P.kwargs) -> IO[bytes]:
            file = opening(*args, **kwargs)
            if "w" in file.mode:
                setattr(file, "write", partial(self.write, file.write, str(args[0])))  # noqa: B010
            return file

        return touching

    def write(self, original: Callable[[bytes], int], path: str, data: bytes) -> int:
        if not self.strikes(f"write {path}"):
            return original(data)
        original(data[: len(data) // 2])
        raise self.error


def run(action: Callable[[], None], fault: Fault) -> BaseException | None:
    """Run an action on a disk with that fault, and return what it raised."""
    with pytest.MonkeyPatch.context() as patch:
        for name in TOUCHING:
            patch.setattr(os, name, fault.wrap(name, getattr(os, name)))
        patch.setattr(io, "open", fault.open(io.open))
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the caller judges it
            return error
        return None
