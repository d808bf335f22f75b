"""A generation that need not load anything, where nothing that goes into the package has changed.

What SQLMesh and the templates made is kept with a record of all that went in. While that is as it
was, comparing the package with its folder, and writing it, go on from what is kept: the very
steps of a full run, so its outcome, too. What cannot be known to be the same is loaded in full:

- a project whose loading asks the network, starts a program or opens a SQLite database;
- a record that is older than a day, because nobody can hear a project read the clock or draw a
  random number. Nor does Python tell who asks whether a file exists (outside of the project) or
  what a native library, such as DuckDB, opens by itself: a project that depends on that while it
  is *loaded* should be generated with `--no-cache`.

A project that goes through all environment variables (dbt does) needs all of them to be the same.

A full run, for its part, believes SQLMesh's own cache, which goes by modification times. Where the
record shows that those mislead (a module that a macro imports, a file that it opens), that cache
is cleared first. Who deletes the record deletes this knowledge, too: `sqlmesh clean` helps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory

from ..config import Config
from ..delivery import Listener, Report, deliver
from ..files import Rendered
from ..mode import Mode
from . import store
from .before import Before
from .inputs import Inputs

__all__ = ["generate"]


def generate(config: Config, mode: Mode, listener: Listener, *, cache: bool = True) -> Report:
    """Do what `pipeline.generate` does, without loading the project where that is not needed.

    Args:
        config: projects, output folder, gateway and environment.
        mode: write, check or diff; only `Mode.WRITE` touches the output folder.
        listener: is told what happens.
        cache: whether the record is read and written.

    Raises:
        UsageError: bad configuration, a file in the way, or a folder that cannot be written.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    before = _before(config) if cache else None
    known = store.read(config.out) if before else None
    if before and known and known.holds(before):
        return deliver(known.rendered, config, mode, listener)
    seen = known.inputs if known else None
    rendered, inputs = _translate(config, listener.progress, before, seen)
    report = deliver(rendered, config, mode, listener)
    if inputs:
        store.write(config.out, store.Record(inputs, rendered))
    elif before:
        store.forget(config.out)
    return report


def _before(config: Config) -> Before | None:
    try:
        return Before.of(config, sys.path)
    except OSError:  # a folder that cannot be listed: SQLMesh may have more to say about it
        return None


def _translate(
    config: Config, progress: Callable[[str], None], before: Before | None, known: Inputs | None
) -> tuple[Rendered, Inputs | None]:
    progress("Importing SQLMesh")
    # Only now, when it is known to be needed: it takes seconds. And before anybody listens.
    from .. import pipeline  # noqa: PLC0415

    if before is None:
        return pipeline.translate(config, progress), None
    from .observe import observed  # noqa: PLC0415 - of no use to a run that loads nothing

    fresh = known is not None and known.misleads(before)
    with _fresh_byte_code() if fresh else nullcontext(), observed() as seen:
        rendered = pipeline.translate(config, progress, fresh=fresh)
    try:
        return rendered, Inputs.of(before, config, seen, None if fresh else known)
    except OSError:
        return rendered, None


@contextmanager
def _fresh_byte_code() -> Iterator[None]:
    """Compile what is imported: Python's byte code goes by modification times, too."""
    before = sys.pycache_prefix
    with TemporaryDirectory() as folder:
        sys.pycache_prefix = folder
        try:
            yield
        finally:
            sys.pycache_prefix = before
