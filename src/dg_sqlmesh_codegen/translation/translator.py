"""How SQLMesh's words become Dagster's; subclass it to say it differently.

A translator runs at generation time only: what its methods return is written into the package as
literals. The methods are those of dg-sqlmesh's translator, so that one written for it needs its
import changed and nothing else. They are given the records of `project`, whose attributes are
called as those of SQLMesh's models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.model import DEFAULT_GROUP, METADATA_KEYS
from dg_sqlmesh_codegen.sqlmesh_project.records import Model, Project, TableName

from . import naming
from .property_tags import PREFIX

_KINDS = {"VIEW": "view", "SEED": "seed"}


class SupportsPath(Protocol):
    """What a key may be besides a sequence of parts: a `dg.AssetKey`."""

    @property
    def path(self) -> Sequence[str]:
        """The parts."""


class AssetPath(tuple[str, ...]):
    """An asset key as plain text parts; `path` and `with_prefix` are those of `dg.AssetKey`.

    Dagster itself is not imported to generate.
    """

    __slots__ = ()

    @property
    def path(self) -> list[str]:
        """The parts, as `dg.AssetKey.path` has them."""
        return list(self)

    def with_prefix(self, prefix: str | Sequence[str]) -> AssetPath:
        """Return the key below one more part, or several."""
        return AssetPath([prefix, *self] if isinstance(prefix, str) else [*prefix, *self])

    def to_user_string(self) -> str:
        """Return the parts joined by slashes."""
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class TranslationContext:
    """What a translator may look up beside the model it is asked about.

    Args:
        project: everything that the inspection found.
        gateway: SQLMesh gateway; None is the project's default one.
        environment: SQLMesh environment that the package runs.
    """

    project: Project
    gateway: str | None = None
    environment: str = "prod"

    @property
    def models(self) -> Mapping[str, Model]:
        """The models by fqn."""
        return {model.fqn: model for model in self.project.models}

    def get_model(self, name: str) -> Model | None:
        """Return the model of that fqn or name; None if SQLMesh does not write that table."""
        for model in self.project.models:
            if name in (model.fqn, model.name):
                return model
        return None


class SQLMeshTranslator:
    """The default translation of models and external tables to Dagster assets.

    Example:
        ::

            class Layers(SQLMeshTranslator):
                def get_group_name(self, context, model):
                    prefix = model.view_name.split("_")[0]
                    return {"stg": "staging", "mart": "marts"}.get(prefix, "other")

        with `translator = "my_package.translators:Layers"` in the configuration.

    What a method returns is checked: a wrong type, or what Dagster would refuse, is an error that
    names the class, the method and the model.
    """

    def get_asset_key(self, model: Model) -> Sequence[str] | SupportsPath:
        """Return the asset key of a model: catalog, schema and name.

        A `dg.AssetKey`, a sequence of parts or one text is taken.
        """
        return AssetPath(naming.asset_key(model.table))

    def get_external_asset_key(self, external_fqn: str) -> Sequence[str] | SupportsPath:
        """Return the asset key of a table that models read and SQLMesh does not write.

        Args:
            external_fqn: SQLMesh's quoted name, `"catalog"."schema"."name"`.
        """
        return AssetPath(naming.asset_key(TableName.of(external_fqn)))

    def get_group_name(self, context: TranslationContext, model: Model) -> str:
        """Return the group of a model that no tag `dagster:group_name:x` puts into one."""
        return DEFAULT_GROUP

    def get_tags(self, context: TranslationContext, model: Model) -> Mapping[str, str]:
        """Return the model's tags; `dagster:property:value` ones set the asset and are no tags."""
        plain = [tag for tag in model.tags if tag and not tag.startswith(PREFIX)]
        return {dagster_names.tag(tag): "true" for tag in plain}

    def get_metadata(self, model: Model, keys: Sequence[str]) -> Mapping[str, object]:
        """Return what becomes the asset's metadata: texts, numbers, booleans, lists, mappings.

        Args:
            model: the model.
            keys: which of its properties are asked for, `metadata_keys` in the configuration.

        Returns:
            `sqlmesh/<key>` for each property that the model has.
        """
        known: dict[str, object] = {
            "kind": str(model.kind),
            "materialized": model.materialized_view,
            "forward_only": model.forward_only,
            "dialect": model.dialect,
            "gateway": model.gateway,
            "cron": model.cron,
            "cron_tz": model.cron_tz,
            "start": model.start,
            "signals": model.signals,
            "tags": tuple(sorted(model.tags)),
            "grain": model.grains,
            "partitioned_by": model.partitioned_by,
            "clustered_by": model.clustered_by,
            "query": model.query,
        }
        return {
            f"sqlmesh/{key}": known[key] for key in METADATA_KEYS if key in keys and known.get(key)
        }

    def get_owners(self, model: Model) -> Sequence[str]:
        """Return the model's owner as Dagster wants it: an e-mail address or `team:name`."""
        return (dagster_names.owner(model.owner),) if model.owner else ()

    def get_kinds(self, model: Model) -> Iterable[str]:
        """Return `sqlmesh`, the dialect, and whether it is a view, table, seed or incremental."""
        incremental = model.kind.startswith(("INCREMENTAL", "SCD_TYPE_2"))
        form = "incremental" if incremental else _KINDS.get(model.kind, "table")
        return tuple(dagster_names.kind(kind) for kind in ("sqlmesh", model.dialect, form) if kind)

    def get_description(self, model: Model) -> str | None:
        """Return the model's description."""
        return model.description
