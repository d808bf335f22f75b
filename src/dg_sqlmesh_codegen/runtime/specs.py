"""The records of a package -> the asset specs that Dagster gets.

The modules of a package hold plain literals. What Dagster wants in types of its own is made here.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from .records import ModelAsset
from .text import sql_block

_QUERIES = ("sqlmesh/query", "sqlmesh/rendered_query")


def asset_specs(models: Sequence[ModelAsset]) -> list[dg.AssetSpec]:
    """Return the assets of a package, with their queries as Markdown."""
    return [_asset_spec(model.spec) for model in models]


def _asset_spec(spec: dg.AssetSpec) -> dg.AssetSpec:
    metadata = dict(spec.metadata)
    for key in _QUERIES:
        if isinstance(query := metadata.get(key), str):
            metadata[key] = dg.MetadataValue.md(sql_block(query))
    return spec.replace_attributes(metadata=metadata)
