"""Every key of the configuration, defined once: type, default, description and examples.

Derived from it: the component's attributes, the texts of errors and the table in README.md.
`resolve` reads the keys from the command line, `defs.yaml` and `pyproject.toml`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, StrictBool
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.package_paths import MODELS_FOLDER
from dg_sqlmesh_codegen.sqlmesh_project.records import Selectors, Source

from . import types
from .jobs import Job, refuse_clashes
from .names import PackageNames
from .types import Folder, Listed, Text

# SQLMesh documentation, "Project structure": folders that it looks for files in.
_LOADED = {
    *("audits", "macros", "materializations", "metrics"),
    *("models", "seeds", "signals", "tests"),
}
DEFAULT_ENVIRONMENT = "prod"
DEFAULT_GROUP = "sqlmesh"
# fmt: off
MetadataKey = Literal[
    "kind", "materialized", "forward_only", "dialect", "gateway", "cron", "cron_tz", "start",
    "signals", "tags", "grain", "partitioned_by", "clustered_by", "source", "query",
    "rendered_query",
]
# fmt: on
METADATA_KEYS: tuple[MetadataKey, ...] = get_args(MetadataKey)
# SQLMesh's tags are tags in Dagster, too.
DEFAULT_METADATA_KEYS = tuple(key for key in METADATA_KEYS if key not in ("tags", "rendered_query"))


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class RetryPolicy:
    """When Dagster retries a failed step: the arguments of `dg.RetryPolicy`, `delay` in seconds."""

    max_retries: types.Retries = 1
    delay: types.Seconds | None = None
    backoff: Literal["LINEAR", "EXPONENTIAL"] | None = None
    jitter: Literal["FULL", "PLUS_MINUS"] | None = None

    def __post_init__(self) -> None:
        """Refuse what `dg.RetryPolicy` refuses."""
        if self.delay is None and (self.backoff or self.jitter):
            raise ValueError("backoff and jitter need a delay")


@dataclass(
    frozen=True, slots=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True)
)
class Config:
    """Where the SQLMesh projects are, where the package goes, and what is in it.

    Every field but `root` is a key of the configuration, and the text below it its description.
    `root` is a folder that `translator` may be imported from, besides Python's own path.

    Raises:
        SettingError: a folder that does not exist, or an output that is a file.
        pydantic.ValidationError: a value of the wrong type, or one that Dagster would refuse.
    """

    projects: Annotated[tuple[Folder, ...], Listed] = Field(examples=["transform", ["a", "b"]])
    """SQLMesh project folder, or a list of folders that SQLMesh loads together."""
    out: Folder = Field(examples=["defs"])
    """Folder of the generated package. A `defs.yaml` does not set it: it is the file's folder."""
    gateway: Text | None = Field(default=None, examples=["warehouse"])
    """SQLMesh gateway. By default, the project's default gateway."""
    environment: types.Environment = Field(default=DEFAULT_ENVIRONMENT, examples=["staging"])
    """SQLMesh environment that Dagster runs."""
    config_name: Text | None = Field(default=None, examples=["test_config"])
    """Configuration to use of a project's `config.py`. By default, `config`."""
    default_catalogs: types.DefaultCatalogs = Field(
        default_factory=dict, examples=[{"warehouse": "analytics", "*": "main"}, "analytics"]
    )
    """Catalog of the gateways whose connection names none: one for all of them, or by gateway."""
    select: Annotated[tuple[Text, ...], Listed] = Field(
        default=(), examples=["tag:finance", ["+marts.orders", "staging.*"]]
    )
    """Models of the package, as selectors of SQLMesh: all that one of them matches. By default,
    the whole project. Where they read other models, they depend on assets with the keys that
    these have in a package of their own."""
    exclude: Annotated[tuple[Text, ...], Listed] = Field(default=(), examples=["tag:finance"])
    """Models that the package does not hold, as selectors of SQLMesh."""
    concurrent_tasks: types.Count | None = Field(default=None, examples=[4])
    """Number of models that a run evaluates at a time. By default, the connection's setting."""
    name: types.PackageName | None = Field(default=None, examples=["finance"])
    """Name of the package, for a code location with several. With `finance`, the op is
    `finance_models`, the jobs are `finance_job` and `finance_sync_job`, and the resource is
    `finance`. By default, they start with `sqlmesh`."""
    group_name: types.GroupName | None = Field(default=None, examples=["marts"])
    """Group of the models without a group tag. By default, what `group_by` says."""
    group_by: Literal["schema", "folder", "none"] = Field(default="none", examples=["schema"])
    """Groups of the models without a group tag and without `group_name`. `schema`: the schema.
    `folder`: the first folder below `models/`. `none`: the translator's group, by default
    `sqlmesh`."""
    op_tags: types.Tags = Field(default_factory=dict, examples=[{"dagster/priority": 3}])
    """Tags of the op that runs SQLMesh. Dagster writes nested values as JSON."""
    owners: Annotated[tuple[types.Owner, ...], Listed] = Field(default=(), examples=[["team:data"]])
    """Owners of every asset, in addition to the model's own: email addresses and teams."""
    retry_policy: RetryPolicy | None = Field(
        default=None, examples=[{"max_retries": 2, "delay": 60, "backoff": "EXPONENTIAL"}]
    )
    """When Dagster retries a failed run of SQLMesh: `max_retries`, `delay` (seconds), `backoff`
    (`LINEAR`, `EXPONENTIAL`) and `jitter` (`FULL`, `PLUS_MINUS`)."""
    schedule_name: types.ScheduleName = Field(
        default_factory=lambda data: str(PackageNames.of(data.get("name")).schedule),
        examples=["hourly"],
    )
    """Name of the schedule. With `name`, its default is `<name>_schedule`. With several time
    zones, the other schedules add their zone to it."""
    enable_schedule: StrictBool = Field(default=True, examples=[False])
    """Generate the schedule."""
    schedule_status: Literal["RUNNING", "STOPPED"] = Field(default="STOPPED", examples=["RUNNING"])
    """Status of the schedule when it is first deployed: `RUNNING` or `STOPPED`. With `RUNNING` it
    is stopped where `DG_SQLMESH_ENVIRONMENT` names another environment, unless
    `DG_SQLMESH_SCHEDULE_STATUS` is `RUNNING`."""
    jobs: tuple[Job, ...] = Field(
        default=(), examples=[[{"name": "finance", "select": "tag:finance", "schedule": True}]]
    )
    """Jobs of some of the models, in place of the one of all models. Each has a `name`, `select`
    and `exclude` (as above, among the package's models), `schedule = true` for a schedule at the
    crons of its models or `cron` with a `timezone` (default UTC) for one of its own, `tags` of its
    runs, and a `description`. The schedule of `finance` is `finance_schedule`."""
    run_on_upstream: StrictBool = Field(default=False, examples=[True])
    """Generate a sensor that runs models when data lands in what they read: when Dagster
    materializes an asset upstream that is no model of the package. Their cron need not be due. It
    has the status of the schedule. The tag `dagster:run_on_upstream` does it for single models."""
    external_asset_mapping: types.KeyTemplate | None = Field(
        default=None, examples=["target/main/{node.name}"]
    )
    """Template of the asset keys of external tables. By default, the translator's keys:
    `[catalog, schema, table]`."""
    translator: types.ClassPath | None = Field(default=None, examples=["my_package.names:Layers"])
    """Your subclass of `SQLMeshTranslator`: `package.module:Class`."""
    metadata_keys: Annotated[tuple[MetadataKey, ...], Listed] = Field(
        default=DEFAULT_METADATA_KEYS, examples=[["cron", "kind", "query"]]
    )
    """Properties of a model that become metadata `sqlmesh/<property>` of its asset; `source`
    becomes the code reference, which links to the model's file. Two more are `tags`, and
    `rendered_query`: the query of a SQL model as `sqlmesh render` shows it."""
    column_lineage: StrictBool = Field(default=False, examples=[True])
    """Add `dagster/column_lineage` to SQL models: the columns of models and external tables that
    each column is made from. Dagster+ shows it; of the open-source UI, only GraphQL has it."""
    freshness: StrictBool = Field(default=False, examples=[True])
    """Give models a freshness policy, so that Dagster (1.12 or later) shows what is late. A model
    is late when its last materialization is older than the longest gap of its cron plus
    `freshness_grace`. Seeds and models with an `end` have none."""
    freshness_grace: types.Duration = Field(default="1h", examples=["30m", "2d"])
    """Time after a tick of its cron that a model may take, with `freshness`."""
    code_url: types.CodeUrl | None = Field(
        default=None, examples=["https://github.com/org/repo/blob/{ref}"]
    )
    """Address of the git repository's files, for the code references of assets: it needs `source`
    in `metadata_keys`. `{ref}` is the variable `DG_SQLMESH_CODE_REF` when Dagster loads the
    package, or `HEAD`. By default, the links lead to files on Dagster's own host."""
    external_specs: StrictBool = Field(default=False, examples=[True])
    """Generate an asset spec for each external table, with what `external_models.yaml` says.
    Without it, Dagster's graph hides tables that are no asset of the code location. With it,
    Dagster refuses a code location in which another asset has the key of such a table."""
    checks: Literal["all", "blocking", "none"] = Field(default="all", examples=["blocking"])
    """Audits of models that become asset checks: `all`, `blocking` or `none`. SQLMesh runs the
    other audits, too. Standalone audits are always checks."""
    execution_status_check: StrictBool = Field(default=True, examples=[False])
    """Add the check `sqlmesh_execution_status` to every asset."""
    blocking_checks: Literal["sqlmesh", "dagster"] = Field(default="sqlmesh", examples=["dagster"])
    """Where a failed blocking audit stops what is downstream. `sqlmesh`: no check blocks in
    Dagster; SQLMesh itself stops the models downstream. `dagster`: the check of a blocking audit
    blocks in Dagster, too. Choose `dagster` if assets of your own wait with
    `AutomationCondition.all_deps_blocking_checks_passed()`."""
    exclusivity: Literal["require", "warn", "off"] = Field(default="require", examples=["warn"])
    """What a run does if nothing prevents two SQLMesh runs at a time: fail (`require`), warn
    (`warn`) or go on (`off`)."""
    pool: types.PoolName = Field(default="sqlmesh_jobs_exclusive", examples=["warehouse"])
    """Concurrency pool of the ops that run SQLMesh, and concurrency key of the job. Packages with
    different pools do not wait for each other: choose one pool for each state of SQLMesh."""
    lock_timeout: types.Seconds | None = Field(default=None, examples=[600])
    """Seconds that a run waits for another one. By default, 3600."""
    upstream: Literal["include", "fail", "warn", "ignore"] = Field(
        default="include", examples=["fail"]
    )
    """What a run does if upstream models that are not selected have missing intervals: evaluate
    them first (`include`, as SQLMesh does), fail (`fail`), warn and evaluate the selected models
    alone (`warn`), or evaluate these alone (`ignore`)."""
    retry_failed: Literal["next_cron", "every_tick"] = Field(
        default="next_cron", examples=["every_tick"]
    )
    """When the schedule requests models again that failed or waited for signals: at the next tick
    of their own cron (`next_cron`), or at its next tick (`every_tick`)."""
    report_plans: StrictBool = Field(default=True, examples=[False])
    """Let runs and ticks report to Dagster what SQLMesh evaluated without it: in a plan, in a
    `sqlmesh run`, or in a run that was killed. The job `sqlmesh_sync_job` always does."""
    not_due: Literal["skip", "materialize"] = Field(default="skip", examples=["materialize"])
    """What a run does with selected models that are not due: nothing (`skip`), or report them as
    materialized and up to date (`materialize`). Choose `materialize` if your jobs have assets of
    your own downstream of models: with `skip` Dagster skips those below a model that is not due,
    and shows models that were not due as failed if the run fails. Choose `skip` if a
    materialization has to mean new data, as for `AutomationCondition.eager()`."""
    restate: StrictBool = Field(default=False, examples=[True])
    """Generate the job `sqlmesh_restate_job`, which evaluates intervals again that SQLMesh has
    evaluated, with what is downstream. It previews them unless its launchpad says otherwise."""
    check_versions: StrictBool = Field(default=True, examples=[False])
    """Let `--check` fail where only the version of this tool or of SQLMesh differs."""
    templates: Folder | None = Field(default=None, examples=["my_templates"])
    """Folder of your own templates. A template replaces the default one of the same name."""
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse folders that do not exist, and an output folder that SQLMesh would load."""
        if not self.projects:
            raise SettingError(
                "projects",
                "no SQLMesh project is configured",
                hint="Name its folder (PROJECT -o OUT), or set `projects` in the "
                "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
            )
        for project in self.projects:
            _require_folder("projects", project, "the SQLMesh project folder does not exist")
        if self.out.is_symlink() and not self.out.is_dir():
            hint = "Remove the link, or choose another folder with -o."
            raise SettingError("out", f"{self.out} is a link that leads to no folder", hint=hint)
        if self.out.exists() and not self.out.is_dir():
            hint = "Choose a folder with -o."
            raise SettingError("out", f"{self.out} is not a folder", hint=hint)
        # A package that is there already may stay.
        if (self.out / ".git").exists() and not (self.out / "definitions.py").exists():
            what = (
                f"{self.out} is the root of a git repository, and the package needs its own folder"
            )
            raise SettingError("out", what, hint="Choose a folder with -o, such as defs.")
        if self.templates is not None:
            _require_folder("templates", self.templates, "the templates folder does not exist")
        if self.code_url is not None and "source" not in self.metadata_keys:
            what = "code_url has no effect without source in metadata_keys"
            hint = "Add source to metadata_keys, or remove code_url."
            raise SettingError("code_url", what, hint=hint)
        if self.schedule_name in PackageNames.of(self.name).others:
            what = f"{self.schedule_name} is already the name of another definition of the package"
            raise SettingError("schedule_name", what, hint='Example: "hourly"')
        refuse_clashes(self.jobs, PackageNames.of(self.name))
        _refuse_among_models(self)

    @property
    def source(self) -> Source:
        """What SQLMesh has to load."""
        rendered = "rendered_query" in self.metadata_keys
        return Source(
            self.projects,
            self.gateway,
            self.config_name,
            self.default_catalogs,
            rendered,
            self.column_lineage,
            Selectors(self.select, self.exclude),
            {job.name: job.selectors for job in self.jobs},
        )


FIELDS: Mapping[str, FieldInfo] = {
    key: info
    for key, info in Config.__pydantic_fields__.items()  # type: ignore[attr-defined] # pydantic's
    if key != "root"
}
KEYS = tuple(FIELDS)


def _refuse_among_models(config: Config) -> None:
    """Refuse an output folder from which SQLMesh would import the package's modules."""
    models = (config.out / MODELS_FOLDER).resolve()
    for project in config.projects:
        for folder in (project.resolve() / name for name in _LOADED):
            if folder.is_dir() and (folder == models or folder in models.parents):
                raise SettingError(
                    "out",
                    f"SQLMesh would load the package's {MODELS_FOLDER}/ as part of {folder}",
                    hint="Choose another folder with -o.",
                )


def _require_folder(key: str, folder: Path, what: str) -> None:
    if not folder.is_dir():
        backslash = "\\" in str(folder) and os.sep == "/"
        hint = "Write / between folders." if backslash else f"Set `{key}` to an existing folder."
        raise SettingError(key, f"{what}: {folder}", hint=hint)
