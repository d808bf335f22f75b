"""What the doctor finds: good and bad facts about an installation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial


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
        line = f"{self.severity.value}: {self.what}"
        # Errors of a database can have several lines.
        return " ".join((f"{line}. {self.remedy}" if self.remedy else line).split())


ok, warning, problem = (partial(Finding, severity) for severity in Severity)
