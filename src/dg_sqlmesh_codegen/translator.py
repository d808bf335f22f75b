"""How SQLMesh's words become Dagster's; subclass it to say it differently.

A translator runs at generation time only: what its methods return is written into the package as
literals.
"""

from __future__ import annotations

from . import naming
from .project import ExternalTable, Model

DEFAULT_GROUP = "sqlmesh"
_PROPERTY = "dagster:"
_KINDS = {"VIEW": "view", "SEED": "seed"}


class SQLMeshTranslator:
    """The default translation of models and external tables to Dagster assets."""

    def get_asset_key(self, model: Model) -> tuple[str, ...]:
        """Return the asset key of a model: catalog, schema and name."""
        return naming.asset_key(model.table)

    def get_external_key(self, table: ExternalTable) -> tuple[str, ...]:
        """Return the asset key of a table that models read and SQLMesh does not write."""
        return naming.asset_key(table.table)

    def get_group_name(self, model: Model) -> str:
        """Return the group: the model's tag `dagster:group_name:x`, or `sqlmesh`."""
        groups = [
            tag.split(":", 2)[2] for tag in model.tags if tag.startswith("dagster:group_name:")
        ]
        return naming.group_name(groups[0]) if groups and groups[0] else DEFAULT_GROUP

    def get_tags(self, model: Model) -> dict[str, str]:
        """Return the model's tags; `dagster:property:value` ones set the asset and are no tags."""
        plain = [tag for tag in model.tags if tag and not tag.startswith(_PROPERTY)]
        return {naming.tag(tag): "true" for tag in plain}

    def get_owners(self, model: Model) -> tuple[str, ...]:
        """Return the model's owner as Dagster wants it: an e-mail address or `team:name`."""
        return (naming.owner(model.owner),) if model.owner else ()

    def get_kinds(self, model: Model) -> tuple[str, ...]:
        """Return `sqlmesh`, the dialect, and whether it is a view, table, seed or incremental."""
        incremental = model.kind.startswith(("INCREMENTAL", "SCD_TYPE_2"))
        form = "incremental" if incremental else _KINDS.get(model.kind, "table")
        return tuple(kind for kind in ("sqlmesh", model.dialect, form) if kind)

    def get_description(self, model: Model) -> str | None:
        """Return the model's description."""
        return model.description
