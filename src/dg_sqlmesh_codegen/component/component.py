"""The `dg` component: a folder with a `defs.yaml` and the package generated beside it.

Dagster documentation: "Creating and registering a component". The generator writes the attributes
into the package. At load time the component validates them in the same way, and applies those that
differ between deployments: project folder, gateway, environment and concurrency.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import BaseModel

from dg_sqlmesh_codegen.config import resolve
from dg_sqlmesh_codegen.config.defs_yaml import attributes_layer, rendered
from dg_sqlmesh_codegen.config.names import PackageNames
from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.runtime import SQLMeshResource
from dg_sqlmesh_codegen.runtime.dagster import compat

from .attributes import Attributes
from .scaffolder import SQLMeshProjectScaffolder

_DEFINITIONS = Path("definitions.py")
_ENVIRONMENT = "DG_SQLMESH_ENVIRONMENT"


@dg.scaffold_with(SQLMeshProjectScaffolder)
class SQLMeshProjectComponent(dg.Component, dg.Resolvable):
    """A SQLMesh project as Dagster assets, from the package generated beside this `defs.yaml`.

    Create it with `dg scaffold defs dg_sqlmesh_codegen.SQLMeshProjectComponent NAME --project-path
    PATH`. Run `python -m dg_sqlmesh_codegen -o FOLDER` whenever the SQLMesh project or an attribute
    changes. The project folder, the gateway, the environment and the concurrency are read again
    when Dagster loads the component, so `{{ env.X }}` in them is a variable of the deployment.

    Example:
        ::

            type: dg_sqlmesh_codegen.SQLMeshProjectComponent

            attributes:
              sqlmesh_config:
                project_path: "{{ context.project_root }}/transform"
                gateway: warehouse
              default_group_name: transform
              external_asset_mapping: "target/main/{node.name}"

    The attributes are the keys of the configuration (`config/README.md`), and some of dg-sqlmesh's
    names. Relative paths start at the folder of the `defs.yaml`.

    Raises:
        dagster.DagsterInvalidDefinitionError: an unknown attribute or a wrong value.
    """

    def __init__(self, **attributes: object) -> None:
        try:
            settings = resolve.merged([attributes_layer(attributes, "attributes")])
        except UsageError as error:
            raise dg.DagsterInvalidDefinitionError(str(error)) from error
        self.settings = {key: setting.value for key, setting in settings.items()}

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model of the attributes as they are written."""
        return Attributes

    @classmethod
    def resolve_from_model(
        cls, context: dg.ResolutionContext, model: BaseModel
    ) -> SQLMeshProjectComponent:
        """Return the component of the attributes, with their templates rendered by Dagster."""
        attributes = model.model_extra or {}
        context = compat.with_root(context)
        return cls(**rendered(attributes, lambda text, path: context.resolve_value(text)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the generated package's definitions.

        Raises:
            dagster.DagsterInvalidDefinitionError: the package is not generated yet, or for another
                version.
        """
        folder = context.path
        if not (folder / _DEFINITIONS).is_file():
            raise dg.DagsterInvalidDefinitionError(
                f"The Dagster package of the SQLMesh project is not generated yet: {folder} has no "
                f"{_DEFINITIONS}. Run: python -m dg_sqlmesh_codegen -o {folder}"
            )
        overrides = self.overrides(folder)
        with in_environment(overrides):
            module = compat.module_of(context, folder / _DEFINITIONS)
        for text in stale(folder, module.defs, overrides):
            warnings.warn(text, stacklevel=2)
        return with_resource(module.defs, overrides)

    def overrides(self, folder: Path) -> dict[str, object]:
        """Return the resource's fields that the attributes set, and no environment variable."""
        name = self.settings.get("name")
        names = PackageNames.of(name if isinstance(name, str) else None)
        # What the generated module reads, by field of its resource.
        variables = {
            "project_dir": names.project_dir_variable,
            "gateway": names.gateway_variable,
            "environment": _ENVIRONMENT,
        }
        keys = ("gateway", "environment", "concurrent_tasks")
        fields = {key: self.settings.get(key) for key in keys}
        match self.settings.get("projects"):
            case (Path() as project,):
                fields["project_dir"] = str((folder / project).resolve())
        return {
            name: value
            for name, value in fields.items()
            if value and not os.getenv(variables.get(name, ""))
        }


@contextmanager
def in_environment(overrides: Mapping[str, object]) -> Iterator[None]:
    """Let a package that is imported know the environment that the attributes set, if they do.

    More than its resource goes by it: whether a schedule starts, and the tables' names.
    """
    if "environment" not in overrides:
        yield
        return
    os.environ[_ENVIRONMENT] = str(overrides["environment"])  # `overrides` has none if it is set
    try:
        yield
    finally:
        del os.environ[_ENVIRONMENT]


def stale(folder: Path, defs: dg.Definitions, overrides: Mapping[str, object]) -> Iterator[str]:
    """Yield what shows, without SQLMesh, that the package does not fit the attributes."""
    resources = (defs.resources or {}).values()
    generated = next(
        (Path(each.project_dir) for each in resources if isinstance(each, SQLMeshResource)), folder
    )
    project = Path(str(overrides.get("project_dir", generated)))
    if not project.is_dir():
        yield (
            f"The SQLMesh project folder {project} does not exist. Correct project_path in the "
            f"defs.yaml of {folder}, or the variable that its {_DEFINITIONS} reads."
        )
    elif generated.is_dir() and not project.samefile(generated):
        yield (
            f"The Dagster package in {folder} was generated from {generated}, and its defs.yaml "
            f"names {project}. Run: python -m dg_sqlmesh_codegen -o {folder}"
        )


def with_resource(defs: dg.Definitions, overrides: Mapping[str, object]) -> dg.Definitions:
    """Return the definitions with fields of the resource replaced."""
    resources = dict(defs.resources or {})
    found = {key: each for key, each in resources.items() if isinstance(each, SQLMeshResource)}
    if not found:
        return defs
    for key, made in found.items():
        # Not `model_copy`: a resource keeps the configuration that it was created with.
        fields = {name: getattr(made, name) for name in type(made).model_fields}
        resources[key] = type(made)(**{**fields, **overrides})
    return compat.with_resources(defs, resources)
