"""The `dg` component: a folder with a `defs.yaml` and the package generated beside it.

Dagster's documentation: "Creating and registering a component". The attributes are read twice: by
the generator (`config_files`), which writes them into the package, and here, where only those count
that a deployment may want to say differently: folder, gateway, environment, concurrency.
"""

# No `from __future__ import annotations` here: Dagster reads the annotations to make a schema.
import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import dagster as dg

from .scaffolder import SQLMeshProjectScaffolder

_DEFINITIONS = Path("definitions.py")
_RESOURCE = "sqlmesh"


@dataclass
class SQLMeshConfig(dg.Resolvable):
    """Which SQLMesh project, gateway and environment; relative paths start at the `defs.yaml`."""

    project_path: str | Sequence[str]
    gateway: str | None = None
    environment: str | None = None


@dataclass
class RetryPolicyConfig(dg.Resolvable):
    """When Dagster runs a failed step again: `dg.RetryPolicy`, its delay in seconds."""

    max_retries: int = 1
    delay: float | None = None
    backoff: Literal["LINEAR", "EXPONENTIAL"] | None = None
    jitter: Literal["FULL", "PLUS_MINUS"] | None = None


@dg.scaffold_with(SQLMeshProjectScaffolder)
@dataclass(kw_only=True)
class SQLMeshProjectComponent(dg.Component, dg.Resolvable):
    """A SQLMesh project as Dagster assets, from the package generated beside this `defs.yaml`.

    Make it with `dg scaffold defs dg_sqlmesh_codegen.SQLMeshProjectComponent NAME --project-path
    PATH`, and generate again with `python -m dg_sqlmesh_codegen -o FOLDER` whenever the SQLMesh
    project or an attribute changes: what the attributes say is written into the package. At load
    time the folder, the gateway, the environment and the concurrency are taken from here once
    more, so that `{{ env.X }}` in them means the deployment's environment.

    Example:
        ::

            type: dg_sqlmesh_codegen.SQLMeshProjectComponent

            attributes:
              sqlmesh_config:
                project_path: "{{ context.project_root }}/transform"
                gateway: warehouse
              default_group_name: transform
              external_asset_mapping: "target/main/{node.name}"

    Args are the keys of the configuration (`config.Config`), some under dg-sqlmesh's names.
    """

    sqlmesh_config: SQLMeshConfig
    concurrency_jobs_limit: int | None = None
    concurrent_tasks: int | None = None
    default_group_name: str | None = None
    group_name: str | None = None
    config_name: str | None = None
    default_catalogs: str | Mapping[str, str] | None = None
    op_tags: Mapping[str, str] | None = None
    owners: Sequence[str] | None = None
    retry_policy: RetryPolicyConfig | None = None
    schedule_name: str | None = None
    enable_schedule: bool | None = None
    schedule_status: Literal["RUNNING", "STOPPED"] | None = None
    # A template of its own, which the generator renders table by table.
    external_asset_mapping: Annotated[str | None, dg.Resolver.passthrough()] = None
    translator: str | None = None
    metadata_keys: Sequence[str] | None = None
    external_specs: bool | None = None
    checks: Literal["all", "blocking", "none"] | None = None
    execution_status_check: bool | None = None
    exclusivity: Literal["require", "warn", "off"] | None = None
    lock_timeout: float | None = None
    check_versions: bool | None = None
    templates: str | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the generated package's definitions.

        Raises:
            dagster.DagsterInvalidDefinitionError: the package was not generated yet.
        """
        folder = context.path
        if not (folder / _DEFINITIONS).is_file():
            raise dg.DagsterInvalidDefinitionError(
                f"The Dagster package of the SQLMesh project is not generated yet: {folder} holds "
                f"no {_DEFINITIONS}. Run: python -m dg_sqlmesh_codegen -o {folder}"
            )
        module = context.load_defs_relative_python_module(folder / _DEFINITIONS)
        defs: dg.Definitions = module.defs
        return _with_resource(defs, self._overrides(folder)) if defs.resources else defs

    def _overrides(self, folder: Path) -> dict[str, object]:
        """Return the resource's fields that the attributes say, where no variable says otherwise.

        The generated module reads the same variables, so they win in either case.
        """
        config = self.sqlmesh_config
        said: dict[str, object] = {}
        if isinstance(config.project_path, str) and not os.getenv("DG_SQLMESH_PROJECT_DIR"):
            said["project_dir"] = str((folder / config.project_path).resolve())
        if config.gateway and not os.getenv("DG_SQLMESH_GATEWAY"):
            said["gateway"] = config.gateway
        if config.environment and not os.getenv("DG_SQLMESH_ENVIRONMENT"):
            said["environment"] = config.environment
        tasks = self.concurrent_tasks or self.concurrency_jobs_limit
        return {**said, "concurrent_tasks": tasks} if tasks else said


def _with_resource(defs: dg.Definitions, overrides: Mapping[str, object]) -> dg.Definitions:
    """Return the definitions with fields of the resource replaced."""
    resources = dict(defs.resources or {})
    if not overrides or _RESOURCE not in resources:
        return defs
    # Not `model_copy`: a resource remembers the configuration that it was made with.
    made = resources[_RESOURCE]
    said = {name: getattr(made, name) for name in type(made).model_fields}
    resources[_RESOURCE] = type(made)(**{**said, **overrides})
    # `Definitions.merge` refuses two resources of one name; the constructor takes what it keeps.
    arguments = {name: getattr(defs, name) for name in inspect.signature(dg.Definitions).parameters}
    return dg.Definitions(**{**arguments, "resources": resources})
