"""Compare two generated packages and report what changed, for the reviewers of a pull request.

Everything here reads generated text: it never loads SQLMesh or Dagster and never imports a package.
`summary_of` and `text_of` serve the command line; `summarize` compares two packages in memory.
"""

from .command import Format, save, summary_of, text_of
from .compare import summarize
from .markdown import markdown
from .model import Summary

__all__ = ["Format", "Summary", "markdown", "save", "summarize", "summary_of", "text_of"]
