"""Which paths are installed software: of those the versions count, not the contents."""

from __future__ import annotations

import os
from pathlib import Path

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
TOOL = str(Path(__file__).parent.parent)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STARTS = tuple(f"{folder}{os.sep}" for folder in (_STANDARD_LIBRARY, TOOL))
# Not files but questions to the system, whose answers no project is made of.
_SYSTEM = ("/proc/", "/sys/", "/dev/")


def is_library(path: str) -> bool:
    """Whether an absolute path belongs to Python, to an installed package or to this tool."""
    folder = f"{path}{os.sep}"
    return folder.startswith((*_STARTS, *_SYSTEM)) or any(part in folder for part in _INSTALLED)
