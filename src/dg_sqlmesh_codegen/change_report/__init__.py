"""What changed between two generated packages, for the people who review them.

Everything here reads generated text alone: no SQLMesh, no Dagster, and nothing of a package is
imported. `summary_of` and `text_of` are what the command line calls; `summarize` compares two
packages that are at hand.
"""

from .as_json import to_json
from .changes import Summary
from .command import FileChange, Format, needs_generation, save, summary_of, text_of
from .compare import summarize
from .markdown import markdown

__all__ = [
    "FileChange",
    "Format",
    "Summary",
    "markdown",
    "needs_generation",
    "save",
    "summarize",
    "summary_of",
    "text_of",
    "to_json",
]
