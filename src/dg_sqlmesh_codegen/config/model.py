"""What one generation is asked to do: every key of the configuration, defined once.

The command line, `defs.yaml` and `pyproject.toml` all write these keys; `settings` says which wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Strict
from pydantic.dataclasses import dataclass

from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.package_paths import MODELS_FOLDER
from dg_sqlmesh_codegen.sqlmesh_project.records import Source

from .types import (
    Catalogs,
    ClassPath,
    Count,
    Flag,
    Folder,
    GroupName,
    KeyTemplate,
    Owners,
    Projects,
    Retries,
    ScheduleName,
    Seconds,
    Tags,
    Text,
    listed,
)

# SQLMesh documentation, "Project structure": folders that it looks for files in.
_LOADED_BY_SQLMESH = (
    *("audits", "macros", "materializations", "metrics"),
    *("models", "seeds", "signals", "tests"),
)
DEFAULT_ENVIRONMENT = "prod"
DEFAULT_GROUP = "sqlmesh"
DEFAULT_SCHEDULE_NAME = "sqlmesh_adaptive_schedule"
MetadataKey = Literal[
    "kind",
    "materialized",
    "forward_only",
    "dialect",
    "gateway",
    "cron",
    "cron_tz",
    "start",
    "signals",
    "tags",
    "grain",
    "partitioned_by",
    "clustered_by",
    "source",
    "query",
]
METADATA_KEYS: tuple[MetadataKey, ...] = get_args(MetadataKey)
MetadataKeys = Annotated[tuple[MetadataKey, ...], BeforeValidator(listed)]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class RetryPolicy:
    """When Dagster runs a failed step again (Dagster: `dg.RetryPolicy`).

    Args:
        max_retries: how often.
        delay: seconds before a retry; None is at once.
        backoff: how the delay grows.
        jitter: how it is varied at random.
    """

    max_retries: Retries = 1
    delay: Seconds | None = None
    backoff: Literal["LINEAR", "EXPONENTIAL"] | None = None
    jitter: Literal["FULL", "PLUS_MINUS"] | None = None

    def __post_init__(self) -> None:
        """Refuse what `dg.RetryPolicy` refuses."""
        if self.delay is None and (self.backoff or self.jitter):
            raise ValueError("backoff and jitter need a delay")


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Config:
    """Where the SQLMesh projects are, where the package goes, and what is in it.

    Args:
        projects: SQLMesh project folders, loaded together.
        out: folder of the generated package.
        gateway: SQLMesh gateway; None is the project's default one.
        environment: SQLMesh environment that the generated resource runs.
        config_name: which configuration of a project's config.py; None is the one named `config`.
        default_catalogs: pairs of gateway and catalog, for gateways whose catalog only the
            warehouse could tell; None as the gateway stands for every such one.
        concurrent_tasks: models that a run evaluates at a time; None is the connection's setting.
        group_name: group of the models that no tag puts into another; None leaves it to the
            translator, whose own default is `sqlmesh`.
        op_tags: tags of the op that runs SQLMesh.
        owners: owners of every asset, beside the model's own.
        retry_policy: of the op.
        schedule_name: the schedule; those of further time zones carry the zone behind it.
        enable_schedule: whether there is one at all.
        schedule_status: whether it is running as soon as it is deployed.
        external_asset_mapping: template of the keys of tables that SQLMesh does not write.
        translator: "package.module:Class" of a `SQLMeshTranslator`, imported while generating.
        metadata_keys: what of a model becomes metadata `sqlmesh/<key>`.
        external_specs: whether external tables are written as assets, too.
        checks: which audits of models become asset checks; SQLMesh runs the others all the same.
            Standalone audits always do: nothing else would have SQLMesh run them.
        execution_status_check: whether every asset has the check `sqlmesh_execution_status`.
        exclusivity: what a run does where nothing keeps a second SQLMesh run away.
        lock_timeout: seconds that a run waits for another one on the same host; None is an hour.
        check_versions: whether `--check` fails where only this tool's or SQLMesh's version differs.
        templates: folder of templates that replace those of the same name.
        root: folder that `translator` may be imported from, besides Python's own path.

    Raises:
        SettingError: a folder that does not exist, or an output that is a file.
        pydantic.ValidationError: a value of the wrong type, or one that Dagster would refuse.
    """

    projects: Projects
    out: Folder
    gateway: Text | None = None
    environment: Annotated[str, Strict()] = DEFAULT_ENVIRONMENT
    config_name: Text | None = None
    default_catalogs: Catalogs = ()
    concurrent_tasks: Count | None = None
    group_name: GroupName | None = None
    op_tags: Tags = ()
    owners: Owners = ()
    retry_policy: RetryPolicy | None = None
    schedule_name: ScheduleName = DEFAULT_SCHEDULE_NAME
    enable_schedule: Flag = True
    schedule_status: Literal["RUNNING", "STOPPED"] = "STOPPED"
    external_asset_mapping: KeyTemplate | None = None
    translator: ClassPath | None = None
    metadata_keys: MetadataKeys = METADATA_KEYS
    external_specs: Flag = False
    checks: Literal["all", "blocking", "none"] = "all"
    execution_status_check: Flag = True
    exclusivity: Literal["require", "warn", "off"] = "require"
    lock_timeout: Seconds | None = None
    check_versions: Flag = True
    templates: Folder | None = None
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse folders that are not there."""
        if not self.projects:
            raise SettingError(
                "projects",
                "no SQLMesh project was named",
                hint="Name its folder (PROJECT -o OUT), or write `projects` into the "
                "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
            )
        for project in self.projects:
            _require_folder(
                "projects",
                project,
                "no such SQLMesh project folder",
                "Name the folder that holds the project's config.yaml or config.py.",
            )
        if self.out.exists() and not self.out.is_dir():
            raise SettingError("out", f"{self.out} is not a folder", hint="Name a folder with -o.")
        _refuse_among_models(self.out, self.projects)
        if not self.environment.strip():
            hint = "Name one with --environment."
            raise SettingError("environment", "the environment has no name", hint=hint)
        if self.templates is not None:
            _require_folder(
                "templates",
                self.templates,
                "no such folder of templates",
                "Name a folder with --templates, or the key `templates`.",
            )

    @property
    def source(self) -> Source:
        """What the inspector has to load."""
        return Source(self.projects, self.gateway, self.config_name, self.default_catalogs)


KEYS = tuple(field.name for field in fields(Config) if field.name != "root")


def _refuse_among_models(out: Path, projects: Iterable[Path]) -> None:
    """SQLMesh would take the package's modules for its own, and import them."""
    models = (out / MODELS_FOLDER).resolve()
    for project in projects:
        for folder in (project.resolve() / name for name in _LOADED_BY_SQLMESH):
            if folder.is_dir() and (folder == models or folder in models.parents):
                raise SettingError(
                    "out",
                    f"the package's {MODELS_FOLDER}/ would lie in {folder}, which SQLMesh loads",
                    hint="Name another folder with -o.",
                )


def _require_folder(key: str, folder: Path, what: str, hint: str) -> None:
    if folder.is_dir():
        return
    if "\\" in str(folder) and os.sep == "/":
        hint = "Write / between folders, which every system takes."
    raise SettingError(key, f"{what}: {folder}", hint=hint)


# What to write, for whoever wrote something else; below a key, its own keys.
WANTED: Mapping[str, str] = {
    "projects": "a folder in quotes, or a list of folders",
    "out": "a folder in quotes",
    "gateway": "a text in quotes",
    "environment": "a text in quotes",
    "config_name": "a text in quotes",
    "default_catalogs": "a catalog in quotes, or a mapping of gateways to their catalogs",
    "concurrent_tasks": "a whole number above 0",
    "group_name": "a text in quotes",
    "op_tags": "a mapping of texts to their values",
    "owners": "a list of e-mail addresses and team:names",
    "retry_policy": "a mapping of max_retries, delay, backoff and jitter",
    "retry_policy.max_retries": "a whole number, 0 or more",
    "retry_policy.delay": "seconds, 0 or more",
    "retry_policy.backoff": "LINEAR or EXPONENTIAL",
    "retry_policy.jitter": "FULL or PLUS_MINUS",
    "schedule_name": "a text in quotes",
    "enable_schedule": "true or false, without quotes",
    "schedule_status": "RUNNING or STOPPED",
    "external_asset_mapping": 'a template in quotes, such as "target/main/{node.name}"',
    "translator": '"package.module:Class"',
    "metadata_keys": f"a list of some of {', '.join(METADATA_KEYS)}",
    "external_specs": "true or false, without quotes",
    "checks": "all, blocking or none",
    "execution_status_check": "true or false, without quotes",
    "exclusivity": "require, warn or off",
    "lock_timeout": "seconds, 0 or more",
    "check_versions": "true or false, without quotes",
    "templates": "a folder in quotes",
}
