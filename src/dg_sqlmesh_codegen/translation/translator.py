"""The translator: what a SQLMesh model becomes in Dagster. Subclass it to change that.

A translator runs only while the package is generated, which stores what it returns as literals. Its
methods are those of dg-sqlmesh's translator: one that was written for it needs only another import.
The arguments are the records of `sqlmesh_project`, with the attribute names of SQLMesh's models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.model import DEFAULT_GROUP, METADATA_KEYS
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, Project, TableName

from . import naming, property_tags

# The engines that Dagster has an icon for. It has none for RisingWave.
ENGINE_KINDS = {
    *("athena", "bigquery", "clickhouse", "databricks", "db2", "duckdb", "fabric", "mysql"),
    *("postgres", "redshift", "snowflake", "spark", "sqlserver", "starrocks", "trino"),
}
_KINDS = {"VIEW": "view", "SEED": "seed"}
# Metadata keys that are not named like the model's attribute.
_ATTRIBUTES = {"materialized": "materialized_view", "grain": "grains"}


class SupportsPath(Protocol):
    """A key that is not a sequence of parts: `dg.AssetKey`."""

    @property
    def path(self) -> Sequence[str]:
        """The parts."""


class AssetPath(tuple[str, ...]):
    """An asset key with the methods of `dg.AssetKey`: the generator does not import Dagster."""

    __slots__ = ()

    @property
    def path(self) -> list[str]:
        """The parts as a list."""
        return list(self)

    def with_prefix(self, prefix: str | Sequence[str]) -> AssetPath:
        """Return the key with one or more parts in front."""
        return AssetPath([prefix, *self] if isinstance(prefix, str) else [*prefix, *self])

    def to_user_string(self) -> str:
        """Return the parts joined by slashes."""
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class TranslationContext:
    """What a translator may look up besides the model.

    Args:
        project: the whole SQLMesh project.
        gateway: the SQLMesh gateway; None is the project's default gateway.
        environment: the SQLMesh environment that the package runs.
    """

    project: Project
    gateway: str | None = None
    environment: str = "prod"

    @property
    def models(self) -> Mapping[str, Model]:
        """The models by fqn."""
        return {model.fqn: model for model in self.project.models}

    def get_model(self, name: str) -> Model | None:
        """Return the model with that fqn or name; None if there is none."""
        models = self.project.models
        return next((model for model in models if name in (model.fqn, model.name)), None)


class SQLMeshTranslator:
    """The default translation of models and external tables to Dagster assets.

    Example:
        ::

            class Layers(SQLMeshTranslator):
                def get_group_name(self, context, model):
                    prefix = model.view_name.split("_")[0]
                    return {"stg": "staging", "mart": "marts"}.get(prefix, "other")

        with `translator = "my_package.translators:Layers"` in the configuration.

    The generator checks what a method returns. A wrong type, or a value that Dagster does not
    accept, is an error that names the class, the method and the model.
    """

    def get_asset_key(self, model: Model) -> Sequence[str] | SupportsPath:
        """Return the asset key of a model, by default catalog, schema and name.

        It may be a `dg.AssetKey`, a sequence of parts or one text.
        """
        return AssetPath(naming.asset_key(model.table))

    def get_external_asset_key(self, external_fqn: str) -> Sequence[str] | SupportsPath:
        """Return the asset key of an external table.

        Args:
            external_fqn: SQLMesh's quoted name, `"catalog"."schema"."name"`.
        """
        return AssetPath(naming.asset_key(TableName.of(external_fqn)))

    def get_group_name(self, context: TranslationContext, model: Model) -> str:
        """Return the group of a model without a tag `dagster:group_name:x`."""
        return DEFAULT_GROUP

    def get_tags(self, context: TranslationContext, model: Model) -> Mapping[str, str]:
        """Return the model's tags, without the property tags `dagster:property:value`."""
        return {dagster_names.tag(tag): "true" for tag in property_tags.plain(model) if tag}

    def get_metadata(self, model: Model, keys: Sequence[str]) -> Mapping[str, object]:
        """Return the asset's metadata: texts, numbers, booleans, lists and mappings.

        Args:
            model: the model.
            keys: the wanted properties, `metadata_keys` in the configuration.

        Returns:
            `sqlmesh/<key>` for each wanted property that the model has.
        """
        known = {key: getattr(model, _ATTRIBUTES.get(key, key)) for key in METADATA_KEYS}
        known |= {"kind": str(model.kind), "tags": tuple(sorted(model.tags))}
        # `source` is no metadata of the module: the runtime makes a code reference of it.
        wanted = [key for key in METADATA_KEYS if key in keys and key != "source"]
        return {f"sqlmesh/{key}": known[key] for key in wanted if known[key]}

    def get_owners(self, model: Model) -> Sequence[str]:
        """Return the model's owner as an e-mail address or `team:name`."""
        return (dagster_names.owner(model.owner),) if model.owner else ()

    def get_kinds(self, model: Model) -> Iterable[str]:
        """Return `sqlmesh`, the engine, and one of view, table, seed and python.

        All of them have icons in Dagster, which accepts three kinds before 1.12.8.
        """
        form = "python" if model.is_python else _KINDS.get(model.kind, "table")
        engine = storage_kind(model)
        return ("sqlmesh", engine, form) if engine in ENGINE_KINDS else ("sqlmesh", form)

    def get_description(self, model: Model) -> str | None:
        """Return the model's description."""
        return model.description

    def get_automation_condition(self, context: TranslationContext, model: Model) -> str | None:
        """Return `eager` or `on_missing`, methods of `dg.AutomationCondition`; None for none.

        A tag `dagster:automation:eager` wins over it.
        """
        return None


def storage_kind(model: Model) -> str:
    """Return the engine by Dagster's name."""
    return "sqlserver" if model.engine == "tsql" else model.engine


def overrides(translator: SQLMeshTranslator, method: str) -> bool:
    """Return whether a translator has its own version of a method."""
    return getattr(type(translator), method) is not getattr(SQLMeshTranslator, method)
