"""A configuration -> the rendered package: load, describe, translate, schedule, render."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from pathlib import Path

from .config.jobs import Job
from .config.model import Config
from .rendering.files import Contents, JobContents, Rendered
from .rendering.package import Package, ScheduledJob, render
from .schedules import crons
from .schedules.crons import Schedule
from .sqlmesh_project import describe
from .sqlmesh_project.configurations import environment
from .sqlmesh_project.records import Project
from .translation import graph, parts, plugins
from .translation.apply import Translation
from .translation.warnings import warnings


def render_project(
    config: Config, progress: Callable[[str], None], sqlmesh_cache: Path | None
) -> Rendered:
    """Load the SQLMesh project and render its package, which touches no file of it.

    Args:
        config: of the generation.
        progress: is told what happens next, in a few words.
        sqlmesh_cache: folder for SQLMesh's cache of parsed models; None is a new one.

    Raises:
        UsageError: bad configuration.
        ProjectError: the SQLMesh project cannot be loaded or translated.
    """
    with environment(config.projects), plugins.importable(config.root):
        # What is wrong with the configuration shows before SQLMesh takes its time.
        translator = plugins.load(config.translator, config.root)
        progress(f"Loading {', '.join(str(path) for path in config.projects)}")
        project = parts.with_checks(describe.inspect(config.source, sqlmesh_cache), config.checks)
        part = parts.held(project)
        progress(f"Rendering {len(part.models)} models")
        # Before the translation: it reports a cron that Dagster cannot run.
        schedules = _schedules(project, {model.fqn for model in part.models})
        jobs = tuple(_scheduled(job, config, project) for job in config.jobs)
        translation = Translation.of(config, project, translator)
        assets = graph.build(project, translation, config.out.resolve())
        externals = graph.externals(project, translation) if config.external_specs else ()
        keys = {each.model.fqn: each.key for each in assets}
        notes = warnings(part, translation, keys)
    used = schedules if config.enable_schedule and not jobs else ()
    return Rendered(
        files=render(Package(config, project, assets, used, externals, jobs)),
        contents=Contents(
            models=len(assets),
            edges=sum(len(asset.deps) for asset in assets),
            # sqlmesh_execution_status is one more than there are audits, of every model.
            checks=sum(len(asset.checks) + config.execution_status_check for asset in assets),
            schedules=_plain(used),
            warnings=notes,
            unset_variables=project.unset_variables,
            hidden_tables=0 if config.external_specs else len(part.external_tables),
            jobs=tuple(
                JobContents(job.config.name, job.models, _plain(job.schedules)) for job in jobs
            ),
            in_no_job=tuple(each.model.name for each in assets if jobs and not each.jobs),
        ),
    )


def _schedules(project: Project, fqns: Container[str]) -> tuple[Schedule, ...]:
    """Return the schedules of some of a project's models and of their standalone audits."""
    models = (model for model in project.models if model.fqn in fqns)
    return crons.schedules(models, parts.checked_audits(project, fqns))


def _scheduled(job: Job, config: Config, project: Project) -> ScheduledJob:
    fqns = project.jobs[job.name]
    found: tuple[Schedule, ...] = ()
    if job.schedule:
        found = _schedules(project, fqns)
    elif job.cron:
        found = (Schedule(job.timezone or "UTC", (crons.plain_cron(job.cron),)),)
    return ScheduledJob(job, found if config.enable_schedule else (), len(fqns))


def _plain(schedules: Iterable[Schedule]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((schedule.timezone, schedule.crons) for schedule in schedules)
