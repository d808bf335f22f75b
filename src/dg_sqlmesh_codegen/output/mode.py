"""What a generation does with the files it rendered."""

from enum import Enum


class Mode(Enum):
    """Write them, compare them with what is there, or show how they differ."""

    WRITE = "write"
    CHECK = "check"
    DIFF = "diff"
