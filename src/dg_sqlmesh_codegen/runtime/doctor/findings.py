"""What an examination of an installation finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is well or not: what, in one line, and what mends it (or nothing)."""

    severity: Severity
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.severity.value}: {_in_one_line(self.what)}"
        return f"{line}. {_in_one_line(self.remedy)}" if self.remedy else line


def _in_one_line(text: str) -> str:
    # A database's error may have several.
    return " ".join(text.split())
