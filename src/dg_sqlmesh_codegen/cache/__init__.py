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

A full run, for its part, believes SQLMesh's own cache, which goes by modification times. That cache
is cleared first where the record shows that those mislead (a module that a macro imports, a file
that it opens); where there is no record, and macros may read what only their running shows; and
where nobody wants the record (`--no-cache`): who relies on nothing does not rely on that cache.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from tempfile import TemporaryDirectory
from typing import TypeVar

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.delivery import Listener, Report, deliver
from dg_sqlmesh_codegen.output.mode import Mode
from dg_sqlmesh_codegen.rendering.files import Rendered

from . import store
from .before import Before
from .inputs import Inputs
from .purity import may_hide

__all__ = ["generate"]

T = TypeVar("T")


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
    if not cache:
        rendered, _ = _load(config, listener.progress, nullcontext(), fresh=True)
        return deliver(rendered, config, mode, listener)
    before = _before(config)
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
    if before is None:
        return _load(config, progress, nullcontext(), fresh=False)[0], None
    from .observe import observed  # noqa: PLC0415 - of no use to a run that loads nothing

    fresh = known.misleads(before) if known else may_hide(before)
    rendered, seen = _load(config, progress, observed(), fresh=fresh)
    try:
        return rendered, Inputs.of(before, config, seen, None if fresh else known)
    except OSError:
        return rendered, None


def _load(
    config: Config,
    progress: Callable[[str], None],
    watching: AbstractContextManager[T],
    *,
    fresh: bool,
) -> tuple[Rendered, T]:
    progress("Importing SQLMesh")
    # Only now, when it is known to be needed: it takes seconds. And before anybody watches.
    from dg_sqlmesh_codegen import pipeline  # noqa: PLC0415

    with _fresh_byte_code() if fresh else nullcontext(), watching as seen:
        return pipeline.translate(config, progress, fresh=fresh), seen


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
