"""What a change of the jobs is: properties of models, settings of jobs, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from builders import model
from dg_sqlmesh_codegen.change_report import Format, summarize, text_of
from dg_sqlmesh_codegen.change_report.model import Change, PackageFiles
from dg_sqlmesh_codegen.config.jobs import Job
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.schedules.crons import Schedule
from packages import OUT, package, rendered, translated, with_jobs

MODELS = (model("shop.a.x"), model("shop.a.y"))


def of_jobs(
    jobs: Mapping[str, tuple[str, ...]], cron: str = "0 0 * * *", team: str = "a"
) -> PackageFiles:
    made = tuple(Job(name, cron=cron, tags={"team": team}) for name in jobs)
    config = Config(projects=(Path("/"),), out=OUT, jobs=made)
    schedules = (Schedule("UTC", (cron,)),)
    files = rendered(with_jobs(translated(*MODELS, config=config, schedules=schedules), jobs))
    return {PurePosixPath(path): text for path, text in files.items()}


JOBS = {"first": ("shop.a.x",), "second": ("shop.a.y",)}
BEFORE = of_jobs(JOBS)


def test_a_model_moves_to_another_job() -> None:
    summary = summarize(BEFORE, of_jobs({**JOBS, "first": ("shop.a.x", "shop.a.y")}))

    (changed,) = summary.changed
    assert changed.properties == (Change("jobs", ("second",), ("first", "second")),)
    assert not changed.edited
    assert not summary.schedules
    assert not summary.settings
    assert "jobs" in text_of(summary, Format.MARKDOWN)


def test_another_cron_and_another_tag() -> None:
    summary = summarize(BEFORE, of_jobs(JOBS, "0 6 * * *"))
    assert [(each.name, each.new) for each in summary.schedules] == [
        ("first_schedule", ("0 6 * * *", "UTC")),
        ("second_schedule", ("0 6 * * *", "UTC")),
    ]
    assert not summary.changed
    assert not summary.settings

    summary = summarize(BEFORE, of_jobs(JOBS, team="b"))
    assert [each.name for each in summary.settings] == ["job first: tags", "job second: tags"]


def test_jobs_in_place_of_the_one_of_all_models() -> None:
    summary = summarize(package(*MODELS), BEFORE)

    assert [each.name for each in summary.schedules] == [
        "first_schedule",
        "second_schedule",
        "sqlmesh_adaptive_schedule",
    ]
    assert {each.name.partition(":")[0] for each in summary.settings} == {
        "job description",
        "job first",
        "job second",
        "job tags",
        "jobs",
    }
    assert [each.new.key[-1] for each in summary.changed] == ["x", "y"]
