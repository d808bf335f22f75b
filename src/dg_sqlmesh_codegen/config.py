"""What one generation is asked to do: every key of the configuration, defined once.

The command line, `defs.yaml` and `pyproject.toml` all write these keys; `settings` says which wins.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from . import naming
from .errors import UsageError
from .project import Source

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
# What the generated module calls other things.
_TAKEN_NAMES = {"defs", "dg", "os", "sqlmesh_job", "sqlmesh_models"}


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty text is no value")
    return text


def _group(text: str) -> str:
    if naming.group_name(text) != text:
        raise ValueError("Dagster takes letters, digits and _ in a group name")
    return text


def _owner(text: str) -> str:
    if naming.owner(text) != text:
        raise ValueError(f"{text!r} is neither an e-mail address nor team:name")
    return text


def _schedule(text: str) -> str:
    if not text.isidentifier() or not text.isascii() or keyword.iskeyword(text):
        raise ValueError("Dagster takes letters, digits and _ in a schedule's name")
    if text in _TAKEN_NAMES:
        raise ValueError(f"the generated module has another {text}")
    return text


def _class_path(text: str) -> str:
    module, colon, name = text.partition(":")
    if not colon or not name.isidentifier() or not all(map(str.isidentifier, module.split("."))):
        raise ValueError('write "package.module:Class"')
    return text


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _pairs(value: object) -> object:
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _catalogs(value: object) -> object:
    """One catalog for every gateway that names none, or one for each by name."""
    if isinstance(value, str):
        return ((None, value),)
    if isinstance(value, Mapping):
        return tuple((str(gateway).lower(), name) for gateway, name in value.items())
    return value


Text = Annotated[str, Strict(), AfterValidator(_not_blank)]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(gt=0)]
Seconds = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
GroupName = Annotated[Text, AfterValidator(_group)]
Owner = Annotated[Text, AfterValidator(_owner)]
ScheduleName = Annotated[Text, AfterValidator(_schedule)]
ClassPath = Annotated[Text, AfterValidator(_class_path)]
Projects = Annotated[tuple[Path, ...], BeforeValidator(_listed)]
Catalogs = Annotated[tuple[tuple[Text | None, Text], ...], BeforeValidator(_catalogs)]
Tags = Annotated[tuple[tuple[Text, Annotated[str, Strict()]], ...], BeforeValidator(_pairs)]
Owners = Annotated[tuple[Owner, ...], BeforeValidator(_listed)]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class RetryPolicy:
    """When Dagster runs a failed step again (Dagster: `dg.RetryPolicy`).

    Args:
        max_retries: how often.
        delay: seconds before a retry; None is at once.
        backoff: how the delay grows.
        jitter: how it is varied at random.
    """

    max_retries: Annotated[int, Strict(), Field(ge=0)] = 1
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
        templates: folder of templates that replace those of the same name.
        root: folder that `translator` may be imported from, besides Python's own path.

    Raises:
        UsageError: a project folder that does not exist, or an output that is a file.
        pydantic.ValidationError: a value of the wrong type, or one that Dagster would refuse.
    """

    projects: Projects
    out: Path
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
    external_asset_mapping: Text | None = None
    translator: ClassPath | None = None
    metadata_keys: tuple[MetadataKey, ...] = METADATA_KEYS
    external_specs: Flag = False
    templates: Path | None = None
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse folders that are not there."""
        if not self.projects:
            raise UsageError(
                "no SQLMesh project was named",
                hint="Name its folder (PROJECT -o OUT), or write `projects` into the "
                "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
            )
        for project in self.projects:
            if not project.is_dir():
                raise UsageError(
                    f"no such SQLMesh project folder: {project}",
                    hint="Name the folder that holds the project's config.yaml or config.py.",
                )
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is not a folder", hint="Name a folder with -o.")
        if not self.environment.strip():
            raise UsageError("the environment has no name", hint="Name one with --environment.")
        if self.templates is not None and not self.templates.is_dir():
            raise UsageError(
                f"no such folder of templates: {self.templates}",
                hint="Name a folder with --templates, or the key `templates`.",
            )

    @property
    def source(self) -> Source:
        """What the inspector has to load."""
        return Source(self.projects, self.gateway, self.config_name, self.default_catalogs)


KEYS = tuple(field.name for field in fields(Config) if field.name != "root")
