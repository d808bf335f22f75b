"""A layer: the values from one place of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .model import KEYS
from .toml import toml

COMMAND_LINE = "command line"
SET = "--set "  # before a key of the configuration that has no option of its own


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place.

    Args:
        where: the place, as an error names it.
        base: the folder that relative paths start from; None leaves them as they are.
        values: by the name that is written there.
        keys: the names that are possible there, with the key of the configuration that each sets.
        write: returns a value in the syntax of that place.
    """

    where: str
    base: Path | None
    values: Mapping[str, object]
    keys: Mapping[str, str] = field(default_factory=lambda: dict(zip(KEYS, KEYS, strict=True)))
    write: Callable[[object], str] = toml

    def is_option(self, name: str) -> bool:
        """Return whether a name is an option of its own: what was typed for it is plain to see."""
        return self.where == COMMAND_LINE and not name.startswith(SET)
