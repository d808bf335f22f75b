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
"""

from __future__ import annotations

from collections.abc import Callable

from ..config import Config
from ..delivery import Listener, Report, deliver
from ..files import Rendered
from ..mode import Mode
from . import store
from .inputs import Before, Inputs

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
    if before is None:
        _import(listener.progress)
        return deliver(_translate(config, listener.progress), config, mode, listener)
    known = store.read(config.out)
    if known is not None and known.inputs.same(before):
        return deliver(known.rendered, config, mode, listener)
    rendered, inputs = _observed(before, config, listener.progress)
    report = deliver(rendered, config, mode, listener)
    if inputs is not None:
        store.write(config.out, store.Record(inputs, rendered))
    return report


def _before(config: Config) -> Before | None:
    try:
        return Before.of(config)
    except OSError:  # a folder that cannot be listed: SQLMesh may have more to say about it
        return None


def _observed(
    before: Before, config: Config, progress: Callable[[str], None]
) -> tuple[Rendered, Inputs | None]:
    from .observe import observed  # noqa: PLC0415 - only a full run needs it

    _import(progress)  # not observed: that reads what is installed, and nothing of the project
    with observed() as seen:
        rendered = _translate(config, progress)
    try:
        return rendered, Inputs.of(before, config, seen)
    except OSError:
        return rendered, None


def _import(progress: Callable[[str], None]) -> None:
    """Import SQLMesh, which takes seconds."""
    progress("Importing SQLMesh")
    from .. import pipeline  # noqa: F401, PLC0415


def _translate(config: Config, progress: Callable[[str], None]) -> Rendered:
    from .. import pipeline  # noqa: PLC0415

    return pipeline.translate(config, progress)
