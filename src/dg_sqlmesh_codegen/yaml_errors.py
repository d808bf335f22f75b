"""Where a YAML file is malformed. The text of the error is left out: it can quote a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb


def yaml_problem(error: BaseException) -> str | None:
    """Return the file, line and column of the YAML error in a chain of errors, or None.

    Reads the errors of PyYAML and ruamel.yaml, which SQLMesh uses, without importing either.
    """
    for cause in causes(error):
        mark = getattr(cause, "problem_mark", None)
        if mark is not None:
            # SQLMesh parses the text of a file, so the error knows no file. The reader does.
            frames = (frame for frame, _ in walk_tb(cause.__traceback__))
            values = (value for frame in frames for value in frame.f_locals.values())
            files = [
                each
                for each in values
                if isinstance(each, Path) and each.suffix in (".yaml", ".yml")
            ]
            place = f"line {mark.line + 1}, column {mark.column + 1}"
            return f"{[mark.name, *files][-1]} is not valid YAML: {place}"
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its cause, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
