"""Names that are valid Python by construction."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")


class Code(str):
    """Text that is Python already; only its subclasses are made, each valid by construction."""


class Identifier(Code):
    """A Python identifier that is not a keyword."""

    def __new__(cls, text: str) -> Identifier:
        """Return `text` with `_` for what an identifier cannot hold."""
        name = _IDENTIFIER.sub("_", text)
        if not name or name[0].isdigit():
            name = f"_{name}"
        if keyword.iskeyword(name):
            name = f"{name}_"
        return super().__new__(cls, name)


class ModuleName(Code):
    """A dotted module name."""

    def __new__(cls, parts: Iterable[Identifier]) -> ModuleName:
        """Return the identifiers joined by dots."""
        return super().__new__(cls, ".".join(parts))
