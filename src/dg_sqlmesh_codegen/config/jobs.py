"""The jobs of a package, as the key `jobs` has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool
from pydantic.dataclasses import dataclass

from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.sqlmesh_project.records import Selectors

from . import types
from .names import PackageNames
from .types import Listed, Text


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Job:
    """A job of some of the package's models, all that one selector of `select` matches.

    With `schedule` it ticks at the crons of its models, with `cron` at this one.

    Raises:
        ValueError: two settings contradict each other.
    """

    name: types.JobName
    select: Annotated[tuple[Text, ...], Listed] = ()
    exclude: Annotated[tuple[Text, ...], Listed] = ()
    schedule: StrictBool = False
    cron: types.Cron | None = None
    timezone: types.TimeZone | None = None
    tags: types.JobTags = Field(default_factory=dict)
    description: Text | None = None

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.schedule and self.cron:
            raise ValueError("schedule = true ticks at the crons of the models, and cron at one")
        if self.timezone and not self.cron:
            raise ValueError("timezone is that of a cron, and there is none")

    @property
    def selectors(self) -> Selectors:
        """Which of the package's models it holds."""
        return Selectors(self.select, self.exclude)

    @property
    def schedule_name(self) -> str:
        """The name of its schedule; in several time zones, the others add their zone."""
        return f"{self.name}_schedule"


def refuse_clashes(jobs: Sequence[Job], names: PackageNames) -> None:
    """Refuse a name that two definitions of the package would have.

    Raises:
        SettingError: it names both.
    """
    # A package with jobs of its own has no other job of models.
    taken = dict.fromkeys({*names.others, names.resource} - {names.job}, "the package")
    for name, number in Counter(job.name for job in jobs).items():
        if number > 1:
            what = f"there are {number} jobs with the name {name}"
            raise SettingError("jobs", what, hint="Rename one of them.")
    for job in jobs:
        taken |= {job.schedule_name: f"the job {job.name}"} if job.schedule or job.cron else {}
    for job in jobs:
        for name in (job.name, job.schedule_name):
            owner = taken.get(name)
            if owner and owner != f"the job {job.name}":
                raise taken_name(job.name, name, owner)


def taken_name(job: str, name: str, owner: str) -> SettingError:
    """Return the error of a job with a name, its own or its schedule's, that `owner` has."""
    what = f"job {job}: {name} is already the name of a definition of {owner}"
    return SettingError("jobs", what, hint="Rename the job.")
