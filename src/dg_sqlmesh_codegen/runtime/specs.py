"""The records of a package -> the asset specs that Dagster gets.

The modules of a package hold plain literals, each fact once. What Dagster wants in types of its
own, or in Markdown, is made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from .cron_words import in_words
from .records import ModelAsset
from .text import sql_block

_QUERIES = ("sqlmesh/query", "sqlmesh/rendered_query")


def asset_specs(models: Sequence[ModelAsset]) -> list[dg.AssetSpec]:
    """Return the assets of a package, with their queries and descriptions as Markdown."""
    return [_asset_spec(model.spec) for model in models]


def _asset_spec(spec: dg.AssetSpec) -> dg.AssetSpec:
    texts = (spec.description, ", ".join(_facts(spec.metadata)))
    metadata = dict(spec.metadata)
    for key in _QUERIES:
        if isinstance(query := metadata.get(key), str):
            metadata[key] = dg.MetadataValue.md(sql_block(query))
    return spec.replace_attributes(
        description="\n\n".join(filter(None, texts)) or None, metadata=metadata
    )


def _facts(metadata: Mapping[str, object]) -> Iterator[str]:
    """Yield kind, cron and grain, as far as the package has them.

    Dagster shows the cron of the schedule at each asset, and that is the cron of all models.
    """
    kind, cron = metadata.get("sqlmesh/kind"), metadata.get("sqlmesh/cron")
    if kind:
        yield f"`{kind}` model"
    if kind == "SEED":
        yield "evaluated by `sqlmesh plan`"
    elif cron:
        timezone = str(metadata.get("sqlmesh/cron_tz") or "UTC")
        words = in_words(str(cron), timezone)
        yield f"{words} (cron `{cron}`)" if words else f"cron `{cron}` in {timezone}"
    grain = metadata.get("sqlmesh/grain")
    if isinstance(grain, Sequence) and not isinstance(grain, str):
        yield f"grain {', '.join(f'`{each}`' for each in grain)}"
