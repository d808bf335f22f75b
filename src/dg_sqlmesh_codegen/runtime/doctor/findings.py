"""A finding of the doctor."""

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
    """One fact about an installation, and how to fix it. `remedy` is empty if nothing is wrong."""

    severity: Severity
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.severity.value}: {_one_line(self.what)}"
        return f"{line}. {_one_line(self.remedy)}" if self.remedy else line


def _one_line(text: str) -> str:
    # Errors of a database can have several lines.
    return " ".join(text.split())
