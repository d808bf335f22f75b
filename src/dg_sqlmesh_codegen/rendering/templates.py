"""The templates by name: ours, and those of a folder of the user's in the place of ours.

The templates know `for` and `if` and nothing else; what they print passes through
`literals.literal`, so no value can become anything but a literal. An undefined variable is an
error (`StrictUndefined`).

What is written is what black would write. For a thousand models black itself takes longer than
SQLMesh takes to load them, so templates whose text is black's own, but for lines that are too wide,
are listed here and pass through `black_style` instead. All others pass through black.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import jinja2

from dg_sqlmesh_codegen.errors import UsageError

from . import header
from .black_style import UnknownShapeError, fitted
from .literals import literal
from .template_dir import template_dir

MODEL = "model.py.jinja"
MODELS = "models.py.jinja"
AUDITS = "audits.py.jinja"
EXTERNAL = "external.py.jinja"
EXTERNALS = "externals.py.jinja"
ROOT = "root.py.jinja"
PACKAGE = "package.py.jinja"
DEFINITIONS = "definitions.py.jinja"
NAMES = (MODEL, MODELS, AUDITS, EXTERNAL, EXTERNALS, ROOT, PACKAGE, DEFINITIONS)
# Ours that are written in black's style; a user's template of that name may not be.
_STYLED = frozenset({MODEL, MODELS, AUDITS, EXTERNAL, EXTERNALS, ROOT, PACKAGE})


@dataclass(frozen=True, slots=True)
class Templates:
    """Templates that can be rendered; `own` are the names that the user's folder replaces."""

    jinja: jinja2.Environment
    own: frozenset[str]

    def render(self, name: str, subject: str, /, **values: object) -> str:
        """Return the text of a module as black would write it.

        Args:
            name: of the template.
            subject: what the module is about, for errors.
            values: the variables that the template sees.

        Raises:
            UsageError: a template of the user's that does not render, or not to Python.
            jinja2.UndefinedError, black.InvalidInput: one of ours that does not, which is a bug.
        """
        if name in self.own:
            with _as_usage_error(name, subject, "does not render"):
                text = self.jinja.get_template(name).render(values)
            with _as_usage_error(name, subject, "makes no valid Python"):
                return _black(header.with_header(text))
        text = header.with_header(self.jinja.get_template(name).render(values))
        if name in _STYLED:
            with suppress(UnknownShapeError):
                return fitted(text)
        return _black(text)


def load(folder: Path | None) -> Templates:
    """Find the templates: those in the user's folder replace ours of the same name.

    Names that start with `_` are parts that a template may include.

    Raises:
        UsageError: a template in it that has none of our names, which would never be used.
    """
    own = _own(folder) if folder else frozenset()
    folders = [*filter(None, [folder]), template_dir()]
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # noqa: S701 - Python, not HTML; `finalize` is what makes values safe
        keep_trailing_newline=True,
    )
    return Templates(jinja, own)


def _own(folder: Path) -> frozenset[str]:
    found = {path.name for path in folder.glob("*.jinja") if not path.name.startswith("_")}
    for name in sorted(found - set(NAMES)):
        close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0)
        raise UsageError(
            f"{folder / name} replaces no template",
            hint=f"Did you mean {close[0]}? A part that others include starts with _.",
        )
    return frozenset(found)


def _finalize(value: object) -> object:
    # Jinja raises when an Undefined is printed; `literal` would hide that behind a TypeError.
    return value if isinstance(value, jinja2.Undefined) else literal(value)


def _black(text: str) -> str:
    # Only where it is needed: its import takes a tenth of a second.
    from black import format_str  # noqa: PLC0415
    from black.mode import Mode, TargetVersion  # noqa: PLC0415

    # Explicit, so that no pyproject.toml on the way changes what we write.
    return format_str(text, mode=Mode(target_versions={TargetVersion.PY311}))


@contextmanager
def _as_usage_error(name: str, subject: str, what: str) -> Iterator[None]:
    """Say in one line what is wrong with a user's template: with it, or with what it made."""
    try:
        yield
    except Exception as error:
        # A template can call and compute, so anything may come of it. Black names the line itself.
        raise UsageError(
            f"the template {name} {what} for {subject}{_template_line(error, name)}",
            detail=f"{type(error).__name__}: {error}",
            hint="What a template sees is listed in codegen_templates/README.md.",
        ) from error


def _template_line(error: Exception, name: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.endswith(f"/{name}")]
    return f", line {lines[-1]}" if lines else ""
