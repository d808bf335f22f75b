"""The whole flow: load, inspect, translate, render, compare, write."""

from __future__ import annotations

from collections.abc import Callable

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.delivery import SILENT, Listener, Report, deliver
from dg_sqlmesh_codegen.output.mode import Mode
from dg_sqlmesh_codegen.rendering.files import Rendered
from dg_sqlmesh_codegen.rendering.package import Package, named_schedules, render
from dg_sqlmesh_codegen.translation.apply import Translation
from dg_sqlmesh_codegen.translation.warnings import warnings

from .schedules import crons
from .sqlmesh_project import describe
from .translation import graph, plugins

__all__ = ["Report", "generate", "translate"]


def generate(
    config: Config,
    mode: Mode = Mode.WRITE,
    *,
    listener: Listener = SILENT,
) -> Report:
    """Generate the package, or compare it with what is there.

    Args:
        config: projects, output folder, gateway and environment.
        mode: write, check or diff; only `Mode.WRITE` touches the output folder.
        listener: is told what happens.

    Returns:
        What was found and, file by file, what changed.

    Raises:
        UsageError: bad configuration, a file in the way, or a folder that cannot be written.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    return deliver(translate(config, listener.progress), config, mode, listener)


def translate(config: Config, progress: Callable[[str], None], *, fresh: bool = False) -> Rendered:
    """Load the project and render its package, which touches no file of it.

    Args:
        config: of the generation.
        progress: is told what happens next, in a few words.
        fresh: SQLMesh's own cache is known to be stale, and is cleared before.

    Raises:
        UsageError: bad configuration.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    # What is wrong with the configuration shows before SQLMesh takes its time.
    translator = plugins.load(config.translator, config.root)
    progress(f"Loading {', '.join(str(path) for path in config.projects)}")
    loaded = describe.inspect(config.source, fresh=fresh)
    project = graph.with_checks(loaded, config.checks)
    progress(f"Rendering {len(project.models)} models")
    translation = Translation.of(config, project, translator)
    assets = graph.build(project, translation, config.out.resolve())
    schedules = crons.schedules(project.models, graph.checked_audits(project))
    named = named_schedules(schedules, config.schedule_name) if config.enable_schedule else ()
    externals = graph.externals(project, translation) if config.external_specs else ()
    return Rendered(
        files=render(Package(config, project, assets, named, externals)),
        models=len(assets),
        edges=sum(len(asset.deps) for asset in assets),
        # sqlmesh_execution_status is one more than there are audits, of every model.
        checks=sum(len(asset.checks) + config.execution_status_check for asset in assets),
        schedules=named,
        notes=warnings(project, config, translator),
    )
